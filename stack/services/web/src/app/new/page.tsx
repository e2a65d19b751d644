import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Choice, Field, Problem, sent, VISIBILITY } from "@/components/form";
import { guarded, search, signInFirst } from "@/lib/guard";
import { me } from "@/lib/load";

export default function NewRepository(): Promise<ReactNode> {
  return guarded(async () => {
    const user = await me();
    if (!user) return signInFirst();
    const form = sent();
    return (
      <section className="narrow">
        <Title of="New repository" />
        <h1>New repository</h1>
        <Problem form={form} />
        <form method="post" action="/new" className="stack">
          <Field form={form} name="owner" label="Owner" initial={search().get("owner") ?? user.username} most={40} isRequired
            hint="You, or an organisation you own." />
          <Field form={form} name="name" label="Name" most={100} isRequired isFirst />
          <Field form={form} name="description" label="Description" most={1000} />
          <fieldset><legend>Who can see it</legend><Choice form={form} name="visibility" options={VISIBILITY} initial="public" /></fieldset>
          <button className="button primary">Create repository</button>
        </form>
      </section>
    );
  });
}
