/** What the api answers, as far as pages need it. */

export interface User {
  id: number;
  username: string;
  full_name: string;
  bio: string;
  location: string;
  website: string;
  created_at: string;
}

export interface Organization {
  id: number;
  name: string;
  full_name: string;
  description: string;
  location: string;
  website: string;
  role: string;
  created_at: string;
}

export interface Member {
  username: string;
  full_name: string;
  role: string;
}

export type Permission = "none" | "read" | "write" | "admin" | "owner";

export interface Repository {
  id: number;
  owner: string;
  name: string;
  full_name: string;
  description: string;
  private: boolean;
  fork: boolean;
  archived: boolean;
  default_branch: string;
  stars: number;
  forks: number;
  size: number;
  language: string;
  clone_url: string;
  permission: Permission;
  starred: boolean;
  empty: boolean | null;
  created_at: string;
  updated_at: string;
}

export interface Ref {
  name: string;
  commit: string;
}

export interface TreeEntry {
  name: string;
  path: string;
  type: "blob" | "tree" | "symlink" | "submodule";
  mode: string;
  size: number | null;
  id: string;
}

export interface Tree {
  ref: string;
  commit: string | null;
  path: string;
  entries: TreeEntry[];
  truncated: boolean;
}

export interface SourceFile {
  path: string;
  ref: string;
  commit: string;
  id: string;
  mode: string;
  type: string;
  size: number;
  encoding: string;
  binary: boolean;
  truncated: boolean;
  content: string;
  language: string;
}

export interface Signature {
  name: string;
  date: string;
}

export interface Commit {
  id: string;
  message: string;
  author: Signature;
  committer: Signature;
  parents: string[];
}

export interface CommitWithFiles extends Commit {
  files: ChangedFile[];
  truncated: boolean;
}

export interface ChangedFile {
  path: string;
  /** A, M, D or T, as git says. */
  status: string;
  mode: string;
  old_mode: string;
  old: string;
  new: string;
}

export interface Comparison {
  base: string;
  head: string;
  merge_base: string | null;
  ahead: number;
  behind: number;
  commits: Commit[];
  files: ChangedFile[];
  truncated: boolean;
}

export interface Issue {
  number: number;
  title: string;
  body: string;
  state: "open" | "closed";
  author: string;
  labels: string[];
  comments: number;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
}

export interface PullRequest extends Omit<Issue, "state"> {
  state: "open" | "closed" | "merged";
  head: string;
  base: string;
  head_commit: string;
  merge_commit: string | null;
  merged_at: string | null;
  merged_by: string | null;
}

export interface Comment {
  id: number;
  author: string;
  body: string;
  created_at: string;
  updated_at: string;
}

export interface Attachment {
  name: string;
  size: number;
  sha256: string;
}

export interface Release {
  tag: string;
  name: string;
  body: string;
  commit: string;
  author: string;
  prerelease: boolean;
  created_at: string;
  attachments: Attachment[];
}

export interface JobStep {
  name: string;
  state: string;
  exit_code: number | null;
  seconds: number | null;
}

export interface Job {
  id: number;
  kind: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  ref: string;
  commit: string;
  asked: Array<{ name: string; run: string }>;
  steps: JobStep[];
  attempts: number;
  max_attempts: number;
  last_error: string;
  log_bytes: number;
  log_complete: boolean;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface WikiPage {
  path: string;
  title: string;
  author: string;
  updated_at: string | null;
  content?: string;
}

export interface HitLine {
  number: number;
  text: string;
  hit: boolean;
}

export interface CodeHit {
  repository: string;
  path: string;
  blob: string;
  commit: string;
  language: string;
  status: string;
  line: number;
  text: string;
  lines: HitLine[];
  symbol: string;
  kind: string;
  author: string;
  date: number;
  url: string;
}

export interface RecordHit {
  kind: string;
  title: string;
  repository: string;
  number: number;
  state: string;
  author: string;
  updated: number;
  url: string;
}

export interface Results {
  query: string;
  total: number;
  exact: boolean;
  hits: Array<CodeHit | RecordHit>;
  facets: Record<string, Record<string, number>>;
  page: number;
  per_page: number;
  engine: string;
  milliseconds: number;
  hints: string[];
}

export interface Suggestion {
  kind: "symbol" | "file" | "repo" | "user" | "org" | "query";
  text: string;
  detail: string;
  url: string;
}

/** One failure, as it goes to a page. */
export interface Failure {
  status: number;
  code: string;
  message: string;
  details?: Record<string, string>;
}

export const isCodeHit = (hit: CodeHit | RecordHit): hit is CodeHit => "path" in hit;
