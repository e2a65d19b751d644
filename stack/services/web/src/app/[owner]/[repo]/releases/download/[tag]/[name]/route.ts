import { p } from "@/lib/api";
import { params } from "@/lib/guard";
import { pass } from "@/lib/passing";

export function GET(): Promise<Response> {
  const { owner = "", repo = "", tag = "", name = "" } = params();
  return pass(p`/repos/${owner}/${repo}/releases/${tag}/attachments/${name}`, {});
}
