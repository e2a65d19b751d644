import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Field, Problem, sent } from "@/components/form";
import { guarded, moved, search } from "@/lib/guard";
import { me } from "@/lib/load";
import { query, safeNext } from "@/lib/urls";

export default function SignIn(): Promise<ReactNode> {
  return guarded(async () => {
    const form = sent();
    const next = safeNext(form?.values.next ?? search().get("next"));
    if (!form && (await me())) return moved(next);
    return (
      <section className="door">
        <Title of="Sign in" />
        <h1>Sign in</h1>
        {!form && search().get("why") === "ended" && <p className="note">Your session has ended. Sign in again to go on.</p>}
        <Problem form={form} />
        <form method="post" action="/login">
          {next !== "/" && <input type="hidden" name="next" value={next} />}
          <Field form={form} name="username" label="User name" autoComplete="username" isRequired isFirst most={254} />
          <Field form={form} name="password" label="Password" type="password" autoComplete="current-password" isRequired most={1024} />
          <button className="button primary wide">Sign in</button>
        </form>
        <p className="muted">No account yet? <a href={`/register${query({ next: next === "/" ? "" : next })}`}>Register</a></p>
      </section>
    );
  });
}
