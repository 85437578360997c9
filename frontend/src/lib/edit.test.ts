// @vitest-environment jsdom
// What was typed is kept when others change what it was typed over, and is sent under the version of that.
import { act, renderHook } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { forgetDrafts, merged, useEdit } from './edit';

it('keeps what was typed, and takes the rest as it is now', () => {
  const base = { bid: false, cost: { cpu: '1', mem: '2' }, fee: '' };
  const mine = { bid: true, cost: { cpu: '1', mem: '3' }, fee: '' };
  const theirs = { bid: false, cost: { cpu: '9', mem: '8' }, fee: '5' };
  expect(merged(base, mine, theirs)).toEqual({ bid: true, cost: { cpu: '9', mem: '3' }, fee: '5' });
  expect(merged('', '4', '7')).toBe('4');
  expect(merged('4', '4', '7')).toBe('7');
});

it('says that it is old only where somebody else has changed the same', () => {
  const { result, rerender } = renderHook(({ now, version }) => useEdit(now, version), { initialProps: { now: { a: '1', b: '1' }, version: 3 } });
  expect([result.current.edited, result.current.ifMatch]).toEqual([false, '"3"']);
  act(() => result.current.set({ a: '2', b: '1' }));
  rerender({ now: { a: '1', b: '1' }, version: 4 });
  expect([result.current.stale, result.current.ifMatch]).toEqual([false, '"4"']);
  rerender({ now: { a: '1', b: '7' }, version: 5 });
  expect([result.current.stale, result.current.value]).toEqual([true, { a: '2', b: '1' }]);
  act(() => result.current.set({ a: '3', b: '1' }));
  expect([result.current.stale, result.current.ifMatch]).toEqual([true, '"3"']);
  act(() => result.current.rebase());
  expect([result.current.stale, result.current.ifMatch, result.current.value]).toEqual([false, '"5"', { a: '3', b: '7' }]);
  act(() => result.current.reset());
  expect([result.current.edited, result.current.value]).toEqual([false, { a: '1', b: '7' }]);
});

describe('a draft with a name', () => {
  it('is there again when the same thing is shown again, until it is sent, dropped, or somebody else signs in', () => {
    const form = (name: string) => renderHook(() => useEdit({ fee: '1' }, 3, name));
    const first = form('one');
    act(() => first.result.current.set({ fee: '2' }));
    first.unmount();
    expect([form('one').result.current.value, form('two').result.current.value]).toEqual([{ fee: '2' }, { fee: '1' }]);
    const again = form('one');
    act(() => again.result.current.reset());
    again.unmount();
    expect(form('one').result.current.edited).toBe(false);
    const last = form('one');
    act(() => last.result.current.set({ fee: '5' }));
    last.unmount();
    forgetDrafts();
    expect(form('one').result.current.value).toEqual({ fee: '1' });
  });
});
