/** Fields that show again what was typed, and what is wrong with it. */

import type { ReactNode } from "react";
import { request, type FormState } from "@/lib/bridge";
import { sentence } from "./trouble";

/** What became of this form, if it was sent. */
export function sent(action = ""): FormState | null {
  const { form } = request();
  return form?.action === action ? form : null;
}

export function Problem({ form }: { form: FormState | null }): ReactNode {
  if (!form) return null;
  const isNamed = Object.keys(form.errors).length > 0;
  if (form.message === "" && !isNamed) return null;
  return (
    <div className="problem" role="alert">
      {form.message === "" ? "Something has to be put right first." : sentence(form.message)}
    </div>
  );
}

interface FieldProps {
  form: FormState | null;
  name: string;
  label: string;
  hint?: string;
  initial?: string;
  type?: "text" | "email" | "password" | "multiline" | "code";
  autoComplete?: string;
  isRequired?: boolean;
  isFirst?: boolean;
  most?: number;
  rows?: number;
}

export function Field(props: FieldProps): ReactNode {
  const { form, name, label, hint, type = "text" } = props;
  const error = form?.errors[name];
  const notes = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(" ");
  const shared = {
    id: `field-${name}`,
    name,
    defaultValue: form?.values[name] ?? props.initial ?? "",
    required: props.isRequired,
    maxLength: props.most,
    autoComplete: props.autoComplete ?? "off",
    // Only on pages that are nothing but a form.
    autoFocus: props.isFirst,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": notes || undefined,
  };
  return (
    <div className="field">
      <label htmlFor={shared.id}>{label}</label>
      {type === "multiline" || type === "code" ? (
        <textarea {...shared} rows={props.rows ?? 8} className={type === "code" ? "code-input" : undefined} />
      ) : (
        <input {...shared} type={type} spellCheck={false} autoCapitalize="none" />
      )}
      {hint && <p className="hint" id={`${name}-hint`}>{hint}</p>}
      {error && <p className="error" id={`${name}-error`}>{sentence(`${label} ${error}`)}</p>}
    </div>
  );
}

export function Choice({ form, name, options, initial }: {
  form: FormState | null;
  name: string;
  options: ReadonlyArray<{ value: string; label: string; hint: string }>;
  initial: string;
}): ReactNode {
  const chosen = form?.values[name] ?? initial;
  return (
    <>
      {options.map(({ value, label, hint }) => (
        <div key={value} className="choice">
          <input type="radio" name={name} value={value} id={`${name}-${value}`} defaultChecked={chosen === value} aria-describedby={`${name}-${value}-hint`} />
          <div><label htmlFor={`${name}-${value}`}>{label}</label><p className="hint" id={`${name}-${value}-hint`}>{hint}</p></div>
        </div>
      ))}
    </>
  );
}

export const VISIBILITY = [
  { value: "public", label: "Public", hint: "Everybody can see it and find it in the search." },
  { value: "private", label: "Private", hint: "Only you and those you name can see it." },
] as const;
