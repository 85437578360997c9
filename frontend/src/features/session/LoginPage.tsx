import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { Button, Field, Note } from '@/components/ui';
import { actAs, announce, asProblem, call, meQuery, type Problem, type Session, setCsrf } from '@/lib/api';

/** Only paths of this origin: `next` comes from the address bar. */
export const safeNext = (next: unknown) => (typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/');

export default function LoginPage() {
  const { next } = useSearch({ strict: false }) as { next?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => { document.title = 'Sign in · Headroom'; }, []);

  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const { data } = await call<Session>('POST', '/auth/login', { body: { email: email.trim(), password } });
      setCsrf(data.csrf_token);
      actAs(null);
      announce();
      client.clear();
      await client.fetchQuery(meQuery);
      void navigate({ href: safeNext(next) });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-screen place-items-center p-4">
      <form className="panel pad col g12 w-[320px]" onSubmit={(e) => void submit(e)}>
        <div className="row g8"><img src="/favicon.svg" width="24" height="24" alt="" /><h1 className="text-18 font-semibold">Sign in to Headroom</h1></div>
        <p className="s12 t2">The market for peak compute capacity.</p>
        <Field label="E-mail" type="email" autoComplete="username" required value={email} onChange={setEmail} autoFocus />
        <Field label="Password" type="password" autoComplete="current-password" required value={password} onChange={setPassword} />
        {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <Button kind="primary" size="lg" type="submit" busy={busy}>Sign in</Button>
        <p className="s11 t3">An admin of this market gives you an account. A demo market makes its own users: they are in <span className="id">demo-access.json</span> in the data directory of its server.</p>
      </form>
    </main>
  );
}
