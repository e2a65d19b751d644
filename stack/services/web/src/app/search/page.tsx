import type { ReactNode } from "react";
import { SearchPage } from "@/components/search/search-page";
import { ApiError, get } from "@/lib/api";
import { forApi, questionOf, type Answer, type Question } from "@/lib/asking";
import { request } from "@/lib/bridge";
import { guarded, search } from "@/lib/guard";
import type { Results } from "@/lib/types";

export default function Search(): Promise<ReactNode> {
  return guarded(async () => {
    const question = questionOf(search());
    return <SearchPage question={question} answer={question.q.trim() === "" ? null : await answerTo(question)} />;
  });
}

/** What is wrong with a query stands where its hits would be: the query stays, to be put right. */
async function answerTo(question: Question): Promise<Answer> {
  try {
    return { results: await get<Results>("/search", forApi(question)), failure: null };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    const state = request();
    state.status = error.status;
    state.retryAfter = error.retryAfter;
    return { results: null, failure: error.toFailure() };
  }
}
