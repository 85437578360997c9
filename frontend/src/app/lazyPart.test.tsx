import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { Component, type ReactNode, Suspense } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Failed } from './Failed';
import { lazyPart } from '@/lib/lazyPart';

class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: undefined as unknown };
  static getDerivedStateFromError(error: unknown) { return { error }; }
  override render() { return this.state.error ? <Failed error={this.state.error} reset={() => this.setState({ error: undefined })} /> : this.props.children; }
}

let reachable = true;
vi.mock('@/lib/reachable', () => ({ isReachable: () => Promise.resolve(reachable) }));
afterEach(() => { cleanup(); reachable = true; });

describe('a page whose code does not come', () => {
  it('says so and is tried again, without a reload of what is around it', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    reachable = false;
    const load = vi.fn(() => Promise.resolve({ default: () => <p>the page</p> }));
    const Page = lazyPart(load);
    await act(async () => { render(<><input aria-label="typed" defaultValue="kept" /><Boundary><Suspense fallback={null}><Page /></Suspense></Boundary></>); });
    expect(await screen.findByRole('alert')).toHaveProperty('textContent', expect.stringContaining('is the server reachable?'));
    await act(async () => { fireEvent.click(screen.getByRole('button', { name: 'Try again' })); });
    expect(await screen.findByRole('alert')).toBeTruthy();
    // A browser would remember the failure and never ask for the module again.
    expect(load).not.toHaveBeenCalled();
    reachable = true;
    await act(async () => { fireEvent.click(screen.getByRole('button', { name: 'Try again' })); });
    expect(await screen.findByText('the page')).toBeTruthy();
    expect(screen.getByLabelText('typed')).toHaveProperty('value', 'kept');
    expect(load).toHaveBeenCalledTimes(1);
  });
  it('of a server that answers is of another version: a reload is offered, not done', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Page = lazyPart(() => Promise.reject<{ default: () => null }>(new TypeError('Failed to fetch dynamically imported module')));
    await act(async () => { render(<Boundary><Suspense fallback={null}><Page /></Suspense></Boundary>); });
    expect((await screen.findByRole('alert')).textContent).toContain('another version');
    expect(screen.getByRole('button', { name: 'Reload' })).toBeTruthy();
  });
  it('is loaded once, also ahead of time, and asked for again after a failure', async () => {
    let there = false;
    const load = vi.fn(() => (there ? Promise.resolve({ default: () => <p>early</p> }) : Promise.reject(new Error('away'))));
    const Page = lazyPart(load);
    await Page.preload();
    there = true;
    await Page.preload();
    await Page.preload();
    expect(load).toHaveBeenCalledTimes(2);
    render(<Suspense fallback="waiting"><Page /></Suspense>);
    expect(screen.getByText('early')).toBeTruthy();
  });
  it('as a part of a page leaves something in its place, and is asked for again when it is next opened', async () => {
    let there = false;
    const load = vi.fn(() => (there ? Promise.resolve({ default: ({ name }: { name: string }) => <p>{name} is here</p> }) : Promise.reject(new Error('away'))));
    const Part = lazyPart(load, ({ name, tryAgain }: { name: string; tryAgain: () => void }) => <button type="button" onClick={tryAgain}>{name} is away</button>);
    const show = async () => { let shown: ReturnType<typeof render> | undefined; await act(async () => { shown = render(<Suspense fallback="waiting"><Part name="it" /></Suspense>); }); return shown; };
    const first = await show();
    await act(async () => { fireEvent.click(screen.getByText('it is away')); });
    expect([load.mock.calls.length, screen.getByText('it is away')]).toEqual([2, expect.anything()]);
    first?.unmount();
    there = true;
    await show();
    expect(screen.getByText('it is here')).toBeTruthy();
    expect(load).toHaveBeenCalledTimes(3);
  });
});
