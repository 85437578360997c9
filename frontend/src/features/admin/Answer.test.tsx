import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { Answer } from './Answer';

afterEach(cleanup);
const said = (priced: number, binding: number) => render(<Answer priced={priced} binding={binding} />).container.textContent;

it('says which prices the reserve price set, and of others only where there are some', () => {
  expect([said(0, 0), said(4, 4), said(4, 0), said(4, 3), said(1, 1), said(1, 0)]).toEqual([
    'No product has been traded yet.',
    'The reserve price set the last price of all 4 products that have been traded.',
    'Bids and offers set the last prices of all 4 products that have been traded; the reserve price set none.',
    'Of the 4 products that have been traded the reserve price set the last price of 3; bids and offers set the others.',
    'The reserve price set the last price of the one product that has been traded.',
    'A bid or an offer set the last price of the one product that has been traded.',
  ]);
});
