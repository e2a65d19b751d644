"use client";

/**
 * Asks while somebody types. What is shown always belongs to one question, and the address names it: an answer that
 * comes after a newer question was asked is thrown away, and its request is broken off before that.
 */

import { useCallback, useEffect, useRef, useState } from "react";
import { addressOf, isSame, questionOf, type Answer, type Question } from "@/lib/asking";
import type { Failure, Results } from "@/lib/types";

const PAUSE_MS = 160;

type History = "push" | "replace" | "none";

interface Shown {
  question: Question;
  answer: Answer | null;
}

export interface Searching extends Shown {
  /** What stands in the field. */
  text: string;
  isWaiting: boolean;
  setText: (text: string) => void;
  ask: (question: Question, history: History) => void;
}

const AWAY: Failure = { status: 503, code: "UNAVAILABLE", message: "The web does not answer" };

async function fetched(question: Question, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(addressOf(question, "/search/results"), { signal });
    const body = (await response.json()) as { data?: Results; error?: Failure };
    if (body.data) return { results: body.data, failure: null };
    return { results: null, failure: body.error ?? { ...AWAY, status: response.status } };
  } catch (error) {
    if (signal.aborted) throw error;
    return { results: null, failure: AWAY };
  }
}

/** Past Next, which would make the whole page anew when the address changes. */
function writeAddress(question: Question, history: "push" | "replace"): void {
  const change = history === "push" ? "pushState" : "replaceState";
  History.prototype[change].call(window.history, window.history.state, "", addressOf(question));
}

export function useSearch(initial: Shown): Searching {
  const [shown, setShown] = useState(initial);
  const [text, setFieldText] = useState(initial.question.q);
  const [isWaiting, setWaiting] = useState(false);
  const latest = useRef(initial.question);
  const running = useRef<AbortController | null>(null);
  const timer = useRef<number | undefined>(undefined);

  const ask = useCallback((question: Question, history: History): void => {
    window.clearTimeout(timer.current);
    running.current?.abort();
    latest.current = question;
    setFieldText(question.q);
    const settle = (answer: Answer | null): void => {
      setShown({ question, answer });
      setWaiting(false);
      if (history !== "none" && !isSame(question, questionOf(new URLSearchParams(window.location.search)))) {
        writeAddress(question, history);
      }
    };
    if (question.q.trim() === "") {
      settle(null);
      return;
    }
    const control = new AbortController();
    running.current = control;
    setWaiting(true);
    fetched(question, control.signal).then(
      (answer) => { if (!control.signal.aborted) settle(answer); },
      () => undefined,
    );
  }, []);

  const setText = useCallback((next: string): void => {
    setFieldText(next);
    window.clearTimeout(timer.current);
    const question = { ...latest.current, q: next, page: 1 };
    if (isSame(question, latest.current)) return;
    timer.current = window.setTimeout(() => { ask(question, "replace"); }, PAUSE_MS);
  }, [ask]);

  useEffect(() => {
    const back = (): void => { ask(questionOf(new URLSearchParams(window.location.search)), "none"); };
    window.addEventListener("popstate", back);
    return () => {
      window.removeEventListener("popstate", back);
      window.clearTimeout(timer.current);
      running.current?.abort();
    };
  }, [ask]);

  return { ...shown, text, isWaiting, setText, ask };
}
