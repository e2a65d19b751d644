import { get } from "@/lib/api";
import { LONGEST } from "@/lib/asking";
import { search } from "@/lib/guard";
import type { Suggestion } from "@/lib/types";

const LIMIT = 6;

/** Names that begin with what is typed. Without them the search still works, so their failures are nobody's trouble. */
export async function GET(): Promise<Response> {
  const q = (search().get("q") ?? "").trim().slice(0, LONGEST);
  let found: Suggestion[] = [];
  if (q !== "") {
    try {
      found = await get<Suggestion[]>("/search/suggest", { q, limit: LIMIT });
    } catch {
      found = [];
    }
  }
  return Response.json({ data: found }, { headers: { "Cache-Control": "no-store" } });
}
