// Numbers are integers below 2^53. Positions are Unicode code points, end exclusive.
export type Uuid = string;
export type Sha256 = string;
export type Time = string;
export type Seq = number;

/** what a client had seen: a seq, or the id of its own earlier op */
export type Base = Seq | Uuid;

export type Status = "proposed" | "active" | "accepted" | "rejected" | "resolved";
export type Attribute = string | number | boolean;

/** by position (start, end), by quote (exact), or by both */
export interface SpanRequest {
  start?: number;
  end?: number;
  exact?: string;
  prefix?: string;
  suffix?: string;
  nth?: number;
}
export type TargetRequest = { type: "spans"; spans: SpanRequest[]; revision?: Uuid } | { type: "document"; revision?: Uuid } | { type: "annotation"; annotation: Uuid } | { type: "relation"; from: Uuid; to: { annotation: Uuid; session?: Uuid } };

export interface Span {
  end: number;
  exact: string;
  prefix: string;
  start: number;
  suffix: string;
}
export type Target = { revision: Uuid; spans: Span[]; type: "spans" } | { revision: Uuid; type: "document" } | { annotation: Uuid; type: "annotation" } | { from: Uuid; to: { annotation: Uuid; session: Uuid }; type: "relation" };

export interface AnnotationCreate {
  kind: "annotation.create";
  annotation?: Uuid;
  target: TargetRequest;
  label?: string;
  note?: string;
  status?: Status;
  attributes?: Record<string, Attribute>;
  agent?: string;
  run?: string;
  confidence?: number;
}
/** null takes away */
export interface AnnotationUpdate {
  kind: "annotation.update";
  annotation: Uuid;
  target?: TargetRequest;
  label?: string | null;
  note?: string | null;
  status?: Status;
  attributes?: Record<string, Attribute | null>;
}
export interface AnnotationDelete {
  kind: "annotation.delete" | "annotation.restore";
  annotation: Uuid;
}
export interface SessionMode {
  kind: "session.mode";
  mode: "shared" | "closed";
}
/** annotations, or account, or both */
export interface Redact {
  kind: "redact";
  annotations?: Uuid[];
  account?: Uuid;
  reason?: string;
}
export interface LabelChange {
  kind: "label.create" | "label.update";
  label?: Uuid;
  name?: string;
  parent?: Uuid | null;
  colour?: string | null;
  hotkey?: string | null;
  definition?: string | null;
  examples?: string[] | null;
  retired?: boolean;
}
export interface AttributeChange {
  kind: "attribute.create" | "attribute.update";
  attribute?: Uuid;
  name?: string;
  type?: "text" | "integer" | "boolean" | "enum" | "link";
  values?: string[] | null;
  minimum?: number | null;
  maximum?: number | null;
  labels?: Uuid[] | null;
  definition?: string | null;
  retired?: boolean;
}
export interface RelationChange {
  kind: "relation.create" | "relation.update";
  relation?: Uuid;
  name?: string;
  from?: Uuid[] | null;
  to?: Uuid[] | null;
  symmetric?: boolean;
  colour?: string | null;
  definition?: string | null;
  retired?: boolean;
}
export interface ProjectUpdate {
  kind: "project.update";
  name?: string;
  others_may_edit?: boolean;
}
export interface CodebookPolicy {
  kind: "codebook.policy";
  open: boolean;
}
export interface MemberSet {
  kind: "member.set";
  account: Uuid;
  role: "viewer" | "annotator" | "curator" | "owner" | null;
}
export interface DocumentMeta {
  authors?: string[];
  publisher?: string;
  date?: string;
  source?: string;
  language?: string;
  folder?: string;
  tags?: string[];
}
export type Texts = string[];
export type AdminDetail = Record<string, unknown>;
export type StatusCounts = Partial<Record<Status, number>>;
export type DocumentUpdate = { kind: "document.update"; document: Uuid; title?: string } & { [K in keyof DocumentMeta]?: DocumentMeta[K] | null };
export type Change =
  | LabelChange
  | AttributeChange
  | RelationChange
  | ProjectUpdate
  | CodebookPolicy
  | MemberSet
  | DocumentUpdate
  | AnnotationCreate | AnnotationUpdate | AnnotationDelete | SessionMode;

/** an annotation as every replica holds it: what it does not have is absent, never null */
export interface Annotation {
  agent?: string;
  attributes?: Record<string, Attribute>;
  confidence?: number;
  created: Seq;
  creator: Uuid;
  deleted?: true;
  id: Uuid;
  label?: Uuid;
  note?: string;
  run?: string;
  /** field -> the op that set it last */
  seqs: Record<string, Seq>;
  status: Status;
  target: Target;
  /** field -> the account that set it last, where that is not the creator */
  who?: Record<string, Uuid>;
}
export type Records = Annotation[];

/** a label, an attribute or a type of relation: what it does not have is absent, never null */
export interface Term {
  by: Uuid;
  colour?: string;
  created: Seq;
  definition?: string;
  examples?: string[];
  from?: Uuid[];
  hotkey?: string;
  id: Uuid;
  kind: "label" | "attribute" | "relation";
  labels?: Uuid[];
  maximum?: number;
  minimum?: number;
  name: string;
  parent?: Uuid;
  retired?: true;
  seq: Seq;
  symmetric?: true;
  to?: Uuid[];
  type?: "text" | "integer" | "boolean" | "enum" | "link";
  values?: string[];
}
export type Terms = Term[];

export interface Effect {
  ids: Uuid[];
  prev: Record<string, number>;
  set: Record<string, unknown>;
}
export interface Payload {
  account: Uuid;
  at: Time;
  codebook: number;
  effects: Effect[];
  intent: Record<string, unknown>;
  kind: string;
  op: Uuid;
  seq: Seq;
  step?: Uuid;
}

export interface ErrorData {
  name: keyof typeof ERRORS;
  detail?: string;
  path?: string;
  field?: string;
  author?: Uuid;
  seq?: Seq;
  fields?: { field: string; author: Uuid; seq: Seq }[];
  current?: Annotation;
  candidates?: { start: number; end: number; prefix?: string; suffix?: string; exact?: string }[];
  count?: number;
  found?: string;
  length?: number;
  nearest?: [number, number];
  revision?: Uuid;
  limit?: number;
  /** the quota that is used up */
  what?: string;
  /** whose it is: account or project */
  of?: "account" | "project";
  /** how much there is */
  used?: number;
  retry_after_ms?: number;
  [other: string]: unknown;
}
