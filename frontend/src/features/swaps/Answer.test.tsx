import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { swaps } from '@/mocks/swaps';
import { Answer } from './Answer';

afterEach(cleanup);

it('says whose gain it is: what the operator approves is another’s', () => {
  const [waiting] = swaps;
  if (!waiting) throw new Error('no fixture');
  expect(render(<Answer swap={waiting} />).container.textContent).toContain('its owner’s expected gain +45.60 cr');
});
