import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it } from 'vitest';
import { NumberField } from './NumberField';

function Amount({ first }: { first: string }) {
  const [value, setValue] = useState(first);
  return <NumberField label="Amount" value={value} onChange={setValue} />;
}
const field = () => screen.getByLabelText('Amount') as HTMLInputElement;
const press = (key: string, shiftKey = false) => fireEvent.keyDown(field(), { key, shiftKey });
afterEach(cleanup);

it('keeps every character, and says at the field what is wrong with them', () => {
  render(<Amount first="1" />);
  for (const text of ['1,5', '-3', '1e3', 'abc']) {
    fireEvent.change(field(), { target: { value: text } });
    expect(field().value).toBe(text);
    expect(field().getAttribute('aria-invalid')).toBe('true');
    expect(document.getElementById(field().getAttribute('aria-describedby') ?? '')?.textContent).toBeTruthy();
    // A step from a text that is no number would invent one.
    press('ArrowUp');
    expect(field().value).toBe(text);
  }
  fireEvent.change(field(), { target: { value: '1.5' } });
  expect(field().getAttribute('aria-invalid')).toBeNull();
});
it('steps by one, by ten with Shift, and not below 0', () => {
  render(<Amount first="1.1" />);
  press('ArrowUp');
  expect(field().value).toBe('2.1');
  press('ArrowUp', true);
  expect(field().value).toBe('12.1');
  press('ArrowDown', true);
  press('ArrowDown', true);
  expect(field().value).toBe('0');
});
