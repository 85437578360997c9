import { act, cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { serverSays, zone } from '@/lib/time';
import { Said } from './When';

serverSays('2026-11-24T12:00:00Z');
afterEach(cleanup);

it('shows the moments in a sentence like all others', () => {
  act(() => zone.set('UTC'));
  const { container } = render(<Said text="web grows in the slot 2026-11-24T13:42:00Z, not before." />);
  expect(container.textContent).toBe('web grows in the slot 24 Nov 13:42, not before.');
  expect(container.querySelector('time')?.getAttribute('datetime')).toBe('2026-11-24T13:42:00Z');
});

it('leaves a sentence without a moment as it is', () => {
  const { container } = render(<Said text="Awarded in round 7." />);
  expect(container.textContent).toBe('Awarded in round 7.');
});

it('a moment in a sentence is as exact as it was said', () => {
  const { container } = render(<Said text="In force from 2999-01-01T16:43:07Z" />);
  expect(container.textContent).toBe('In force from 1 Jan 2999 16:43:07');
});
