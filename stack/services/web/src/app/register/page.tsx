import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Field, Problem, sent } from "@/components/form";
import { guarded, search } from "@/lib/guard";
import { query, safeNext } from "@/lib/urls";

export default function Register(): Promise<ReactNode> {
  return guarded(() => {
    const form = sent();
    const next = safeNext(form?.values.next ?? search().get("next"));
    return Promise.resolve(
      <section className="door">
        <Title of="Register" />
        <h1>Register</h1>
        <Problem form={form} />
        <form method="post" action="/register">
          {next !== "/" && <input type="hidden" name="next" value={next} />}
          <Field form={form} name="username" label="User name" autoComplete="username" isRequired isFirst most={40}
            hint="Letters, digits, -, _ and dots. It is part of your addresses." />
          <Field form={form} name="full_name" label="Full name" autoComplete="name" most={100} />
          <Field form={form} name="email" label="E-mail" type="email" autoComplete="email" isRequired most={254} hint="Nobody else sees it." />
          <Field form={form} name="password" label="Password" type="password" autoComplete="new-password" isRequired most={1024} hint="At least 8 characters." />
          <Field form={form} name="password_again" label="Password again" type="password" autoComplete="new-password" isRequired most={1024} />
          <button className="button primary wide">Register</button>
        </form>
        <p className="muted">Have an account? <a href={`/login${query({ next: next === "/" ? "" : next })}`}>Sign in</a></p>
      </section>,
    );
  });
}
