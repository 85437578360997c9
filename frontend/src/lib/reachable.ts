/** A small file that every version has. */
const FILE = '/favicon.svg';
const FAULTY = 500;

/** Whether somebody answers at the server's address now; a proxy that says that nobody does, does not count. */
export async function isReachable(): Promise<boolean> {
  try {
    return (await fetch(FILE, { method: 'HEAD', cache: 'no-store' })).status < FAULTY;
  } catch {
    return false;
  }
}
