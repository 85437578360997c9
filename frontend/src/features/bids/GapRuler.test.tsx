import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { asMicro } from '@/lib/money';
import { GapRuler } from './GapRuler';

afterEach(cleanup);
const said = (side: 'bid' | 'offer', mine: boolean) => render(<GapRuler side={side} mine={mine} limit={asMicro(50_000n)} price={asMicro(144_000n)} wins={null} exact={false} />).container.textContent;

it('a limit is the reader’s only where the order is', () => {
  expect([said('bid', true), said('bid', false)]).toEqual([expect.stringContaining('Your limit'), expect.stringContaining('Its limit')]);
  expect([said('offer', true), said('offer', false)]).toEqual([expect.stringContaining('You ask'), expect.stringContaining('It asks')]);
});

it('where nothing was traded there is no price', () => {
  const { container } = render(<GapRuler side="bid" mine limit={asMicro(200_000n)} price={null} wins={asMicro(360_000n)} exact />);
  expect([container.textContent, container.querySelector('svg')?.getAttribute('aria-label')]).toEqual(['Your limit 0.20✓ Wins from 0.36', 'Limit 0.20, Wins from 0.36']);
});

it('a bar that does not begin at 0 is broken', () => {
  expect(render(<GapRuler side="bid" mine limit={asMicro(50_000n)} price={asMicro(144_000n)} wins={null} exact={false} />).container.querySelectorAll('.axis-break')).toHaveLength(1);
});
