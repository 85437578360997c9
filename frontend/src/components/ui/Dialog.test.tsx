import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it } from 'vitest';
import { Dialog } from './Dialog';

afterEach(cleanup);

function Page() {
  const [open, setOpen] = useState(false);
  return <><button onClick={() => setOpen(true)}>Cancel order</button><Dialog open={open} onClose={() => setOpen(false)} title="Really?"><button>Keep</button></Dialog></>;
}

it('gives the focus back to what opened it', async () => {
  render(<Page />);
  const opener = screen.getByRole('button', { name: 'Cancel order' });
  opener.focus();
  fireEvent.click(opener);
  const dialog = await screen.findByRole('dialog', { name: 'Really?' });
  expect(dialog.contains(document.activeElement)).toBe(true);
  fireEvent.keyDown(dialog, { key: 'Escape' });
  await act(() => new Promise((done) => { setTimeout(done); }));
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(document.activeElement).toBe(opener);
});
