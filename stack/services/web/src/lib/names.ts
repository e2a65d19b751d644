/** Names as the forge accepts them; what cannot be a name is never asked for. */

const OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,38}[A-Za-z0-9_-])?$/;
const REPOSITORY = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const RESERVED_ENDING = /(?:\.git|\.wiki|\.lock|\.)$/i;
const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

const isSafe = (name: string): boolean => !name.includes("..") && !RESERVED_ENDING.test(name);

export const isOwner = (name: string): boolean => OWNER.test(name) && isSafe(name);

export const isRepository = (name: string): boolean => REPOSITORY.test(name) && isSafe(name);

/** A whole object id; only such a one pins a link for ever. */
export const isObjectId = (text: string): boolean => OBJECT_ID.test(text);

/** A number of an issue, a pull request or a job, or null. */
export function positive(text: string): number | null {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : null;
}
