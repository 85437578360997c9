import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { Coverage } from './Coverage';

afterEach(cleanup);

it('a share under half is drawn where it is', () => {
  const { container } = render(<Coverage rows={[{ label: 'a', actual80: 0.2, actual95: 0.7 }]} />);
  const at = (cx: string | null) => Number(cx);
  const tick = (text: string) => at(screen.getByText(text).getAttribute('x'));
  expect(at(container.querySelector('circle')?.getAttribute('cx') ?? null)).toBeCloseTo(tick('20 %'), 6);
});
