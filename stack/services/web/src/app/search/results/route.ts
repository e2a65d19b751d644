import { ApiError, get } from "@/lib/api";
import { forApi, questionOf } from "@/lib/asking";
import { bridge } from "@/lib/bridge";
import { search } from "@/lib/guard";
import type { Failure, Results } from "@/lib/types";

const HEADERS = { "Cache-Control": "no-store" };

/** The search page asks this while somebody types. */
export async function GET(): Promise<Response> {
  try {
    const results = await get<Results>("/search", forApi(questionOf(search())));
    return Response.json({ data: results }, { headers: HEADERS });
  } catch (error) {
    const failure = failureOf(error);
    return Response.json({ error: failure }, { status: failure.status, headers: HEADERS });
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) return error.toFailure();
  bridge().failed(error);
  return { status: 500, code: "INTERNAL_ERROR", message: "Something went wrong here; it is in the log" };
}
