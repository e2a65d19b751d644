import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Problem, sent } from "@/components/form";
import { guarded } from "@/lib/guard";

export default function SignOut(): Promise<ReactNode> {
  return guarded(() =>
    Promise.resolve(
      <section className="door">
        <Title of="Sign out" />
        <h1>Sign out</h1>
        <Problem form={sent()} />
        <form method="post" action="/logout"><button className="button primary wide">Sign out</button></form>
      </section>,
    ),
  );
}
