import type { ReactNode } from "react";
import { Trouble } from "@/components/trouble";
import { request } from "@/lib/bridge";

export default function NotFound(): ReactNode {
  const failure = { status: 404, code: "NOT_FOUND", message: "There is no such page" };
  return <Trouble failure={failure} isSignedIn={request().token !== null} />;
}
