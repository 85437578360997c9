import { expect, it } from 'vitest';
import { placeOf } from './useInSight';

it('moves the box only for a row that is not seen, and puts it into the middle', () => {
  const box = { at: 0, height: 640 };
  expect(placeOf(90, 30, box)).toBeNull();
  expect(placeOf(3000, 30, box)).toBe(2680);
  expect(placeOf(600, 30, box)).toBe(280);
  expect(placeOf(0, 30, { at: 900, height: 640 })).toBe(0);
});
