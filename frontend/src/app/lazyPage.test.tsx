import { act, fireEvent, render, screen } from '@testing-library/react';
import { Component, type ReactNode, Suspense } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { Failed } from './Failed';
import { lazyPage } from './lazyPage';

class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: undefined as unknown };
  static getDerivedStateFromError(error: unknown) { return { error }; }
  override render() { return this.state.error ? <Failed error={this.state.error} reset={() => this.setState({ error: undefined })} /> : this.props.children; }
}

describe('a page whose code does not come', () => {
  it('says so and is tried again, without a reload of what is around it', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    let there = false;
    const load = vi.fn(() => (there ? Promise.resolve({ default: () => <p>the page</p> }) : Promise.reject(new TypeError('Failed to fetch dynamically imported module'))));
    const Page = lazyPage(load);
    await act(async () => { render(<><input aria-label="typed" defaultValue="kept" /><Boundary><Suspense fallback={null}><Page /></Suspense></Boundary></>); });
    expect(await screen.findByRole('alert')).toHaveProperty('textContent', expect.stringContaining('could not be loaded'));
    await act(async () => { fireEvent.click(screen.getByRole('button', { name: 'Try again' })); });
    expect(await screen.findByRole('alert')).toBeTruthy();
    there = true;
    await act(async () => { fireEvent.click(screen.getByRole('button', { name: 'Try again' })); });
    expect(await screen.findByText('the page')).toBeTruthy();
    expect(screen.getByLabelText('typed')).toHaveProperty('value', 'kept');
    expect(load).toHaveBeenCalledTimes(3);
  });
  it('is loaded once, also ahead of time, and asked for again after a failure', async () => {
    let there = false;
    const load = vi.fn(() => (there ? Promise.resolve({ default: () => <p>early</p> }) : Promise.reject(new Error('away'))));
    const Page = lazyPage(load);
    await Page.load();
    there = true;
    await Page.load();
    await Page.load();
    expect(load).toHaveBeenCalledTimes(2);
    render(<Suspense fallback="waiting"><Page /></Suspense>);
    expect(screen.getByText('early')).toBeTruthy();
  });
});
