/** Times and numbers for people. The forge's times are UTC, and so are ours: server and browser agree. */

const UNITS: ReadonlyArray<readonly [number, string]> = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "3 days ago"; "just now" below a minute, and for clocks that are a little ahead. */
export function ago(when: Date, now: Date): string {
  let amount = (now.getTime() - when.getTime()) / 1000;
  if (!Number.isFinite(amount)) return "";
  if (amount < 60) return "just now";
  for (const [size, unit] of UNITS) {
    if (amount < size) {
      const whole = Math.floor(amount);
      return `${whole} ${unit}${whole === 1 ? "" : "s"} ago`;
    }
    amount /= size;
  }
  return "";
}

/** "7 Mar 2024". */
export function day(when: Date): string {
  if (Number.isNaN(when.getTime())) return "";
  return `${when.getUTCDate()} ${MONTHS[when.getUTCMonth()] ?? ""} ${when.getUTCFullYear()}`;
}

/** "2024-03-07 12:30 UTC". */
export function minute(when: Date): string {
  return Number.isNaN(when.getTime()) ? "" : `${when.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** "12,345". */
export const count = (value: number): string => String(Math.trunc(value)).replace(/\B(?=(\d{3})+$)/g, ",");

/** "1 issue", "12,345 issues". */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** "312 B", "1.4 MiB". */
export function bytes(size: number): string {
  let amount = size;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (amount < 1024 || unit === "GiB") {
      return unit === "B" ? `${amount} B` : `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
    }
    amount /= 1024;
  }
  return "";
}

/** "3.2 s", "2 min 5 s". */
export function seconds(amount: number): string {
  if (amount < 10) return `${amount.toFixed(1)} s`;
  if (amount < 60) return `${Math.round(amount)} s`;
  return `${Math.floor(amount / 60)} min ${Math.round(amount % 60)} s`;
}
