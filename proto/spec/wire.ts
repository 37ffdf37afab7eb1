// wire.ts - gloss.v1 as TypeScript. Written by wiregen from wire.def and gen/parts.ts; do not edit.

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

/** what this server takes */
export interface Limits {
  /** largest message, bytes */
  frame_bytes: number;
  /** ops that may wait for their results on one connection */
  ops_in_flight: number;
  /** bytes of requests that may wait for their answers on one connection */
  bytes_in_flight?: number;
  /** session.page requests that may wait for their answers in one session */
  pages_in_flight: number;
  /** largest page, bytes */
  page_bytes: number;
  /** largest document, bytes */
  document_bytes: number;
  /** largest piece of an upload, bytes before base64 */
  chunk_bytes: number;
  /** ops that your account may make in a second, in the long run; absent: as many as it can. See Quotas */
  ops_rate?: number;
  /** and at once, after a while without any */
  ops_burst?: number;
}

/** a person or a bot that can sign in */
export interface Account {
  /** its id */
  account: Uuid;
  /** its name, unique on this server */
  name: string;
  /** administers the server */
  admin?: boolean;
}

/** a token, without its secret */
export interface TokenInfo {
  /** its id */
  token: Uuid;
  /** what it is for */
  label: string;
  /** when it was made */
  created: Time;
  /** when it ends */
  expires?: Time;
  /** it was revoked */
  revoked?: boolean;
}

/** a project as its member sees it */
export interface ProjectInfo {
  /** its id */
  project: Uuid;
  /** its name */
  name: string;
  /** the reader's role: viewer, annotator, curator, owner */
  role: string;
  /** whether the codebook is open: an unknown label makes a new one */
  open: boolean;
  /** whether annotators may change what others made */
  others_may_edit?: boolean;
  /** ops so far in the project's stream */
  seq?: number;
}

/** what an account or a project may use of something; see Quotas */
export interface Quota {
  /** ops_rate, ops_burst; of an account connections, sessions; of a project annotations, documents, bytes */
  what: string;
  /** how much; 0: as much as there is */
  limit: number;
  /** how much there is, where it is stored */
  used?: number;
  /** it was set for this one; absent: as for all */
  own?: boolean;
}

/** who belongs to a project, or did */
export interface Member {
  /** the account */
  account: Uuid;
  /** its name */
  name: string;
  /** viewer, annotator, curator, owner; absent for a former member */
  role?: string;
}

/** a document with its newest revision and its session */
export interface DocumentInfo {
  /** its id */
  document: Uuid;
  /** the project it belongs to */
  project: Uuid;
  /** its session `main` */
  session: Uuid;
  /** its newest revision */
  revision: Uuid;
  /** its title */
  title: string;
  /** the name of the file it was imported from */
  filename?: string;
  /** SHA-256 of the revision's bytes */
  sha256: Sha256;
  /** length in bytes */
  bytes: number;
  /** length in code points */
  codepoints: number;
  /** when it was imported */
  created: Time;
  /** ops so far in the session */
  seq?: number;
  /** annotations that are not deleted */
  annotations?: number;
  /** the reader's role in the project */
  role?: string;
  /** who wrote it: a list of names */
  authors?: Texts;
  /** who published it */
  publisher?: string;
  /** when it was published: YYYY, YYYY-MM or YYYY-MM-DD */
  date?: string;
  /** where it comes from: a link */
  source?: string;
  /** its language: a BCP 47 tag */
  language?: string;
  /** where it is kept: names with / between */
  folder?: string;
  /** a list of tags */
  tags?: Texts;
}

/** where an annotation is */
export interface AnnotationPlace {
  /** its id */
  annotation: Uuid;
  /** the session that it is in */
  session: Uuid;
  /** the document that the session is about */
  document: Uuid;
  /** it was deleted */
  deleted?: boolean;
}

/** something that one was told */
export interface InboxItem {
  /** its number; newer ones are larger */
  item: number;
  /** mention, reply, accepted, rejected, resolved or reopened */
  why: string;
  /** the project */
  project: Uuid;
  /** the document */
  document: Uuid;
  /** its title */
  title: string;
  /** the session */
  session: Uuid;
  /** the annotation: the reply, or the one that names or was decided about */
  annotation: Uuid;
  /** the op in the session */
  seq: number;
  /** who did it */
  account: Uuid;
  /** whose name that is; empty when it may not be seen any more */
  name: string;
  /** when */
  at: Time;
  /** how the annotation's note begins, as it is now */
  text?: string;
  /** it was marked as read */
  read?: boolean;
}

/** where somebody is in a session, as the person's program says */
export interface Presence {
  /** one connection's stay in the session: somebody may be there twice */
  peer: Uuid;
  /** who */
  account: Uuid;
  /** the account's name */
  name?: string;
  /** first code point in view */
  start?: number;
  /** the code point behind the last in view */
  end?: number;
  /** first code point selected */
  selection_start?: number;
  /** the code point behind the last selected */
  selection_end?: number;
  /** the annotation that is being edited */
  annotation?: Uuid;
  /** no longer there */
  gone?: boolean;
}

/** one change, asked for */
export interface OpRequest {
  /** chosen by the client, once for ever: sending it again changes nothing */
  id: Uuid;
  /** what the client had seen: a seq (number), or the id (string) of its own earlier op; required to change what is there */
  base?: Base;
  /** what to do; see Changes */
  change: Change;
}

/** why something was refused */
export interface ErrorInfo {
  /** the number; see Errors */
  code: number;
  /** a sentence */
  message: string;
  /** name, and what helps: path, current, field, author, seq, candidates, limit, retry_after_ms */
  data: ErrorData;
}

/** what became of one op */
export interface OpResult {
  /** the op */
  id: Uuid;
  /** its place in the stream; absent when it was refused */
  seq?: number;
  /** it had been accepted before */
  repeated?: boolean;
  /** the annotation that it made or changed */
  annotation?: Uuid;
  /** in a project's stream: the term or document that it made or changed */
  made?: Uuid;
  /** why it was refused */
  error?: ErrorInfo;
}

/** one op of a stream */
export interface LoggedOp {
  /** the op, in canonical form: these bytes are hashed; absent when it was erased */
  payload?: Payload;
  /** 16 bytes in hex; leaf = SHA-256(salt || payload) */
  salt?: string;
  /** in place of payload and salt when they were erased */
  leaf?: Sha256;
}

/** an account as administrators see it */
export interface AdminAccount {
  /** its id */
  account: Uuid;
  /** its name */
  name: string;
  /** administers the server */
  admin?: boolean;
  /** may not sign in */
  disabled?: boolean;
  /** it has a password */
  password?: boolean;
  /** when it was made */
  created: Time;
  /** how many of its tokens let in */
  tokens: number;
}

/** a project as administrators see it */
export interface AdminProject {
  /** its id */
  project: Uuid;
  /** its name */
  name: string;
  /** whether the codebook is open */
  open: boolean;
  /** how many belong to it */
  members: number;
  /** how many documents it has */
  documents: number;
  /** when it was made */
  created: Time;
}

/** a session as administrators see it */
export interface AdminSession {
  /** its id */
  session: Uuid;
  /** the project */
  project: Uuid;
  /** its name */
  project_name: string;
  /** the document */
  document: Uuid;
  /** its title */
  title: string;
  /** what the session is called: main */
  name: string;
  /** shared or closed */
  mode: string;
  /** ops so far */
  seq: number;
  /** annotations that are not deleted */
  annotations: number;
  /** the first op that is not archived */
  retained_from: number;
  /** when the last op came; absent: none did */
  last?: Time;
}

/** a setting of the server that answers */
export interface AdminSetting {
  /** its name */
  name: string;
  /** what is in force, as it would be written; (hidden) for a secret */
  value: string;
  /** default, file, environment or flag */
  origin: string;
  /** where it stands: glossd.conf:12, GLOSS_PORT, --port; default */
  where: string;
  /** it can be changed while the server runs */
  reload?: boolean;
}

/** somebody who is connected */
export interface AdminConnection {
  /** what to call the connection */
  connection: Uuid;
  /** the machine that it is to */
  node: string;
  /** and the process there */
  pid: number;
  /** where it comes from */
  address: string;
  /** since when */
  since: Time;
  /** who; absent: has not signed in */
  account?: Uuid;
  /** the account's name */
  name?: string;
  /** the token that opened it; absent: a password did */
  token?: Uuid;
  /** what the program called itself */
  client?: string;
  /** sessions that it has joined, the first of them */
  sessions: Uuid[];
  /** how many it has joined */
  joined: number;
  /** requests that wait for their answers */
  waiting: number;
  /** received */
  bytes_in: number;
  /** sent */
  bytes_out: number;
  /** how long a packet takes there and back, microseconds, as the system estimates it; 0: not known */
  round_trip_us: number;
}

/** how much there is in the database */
export interface AdminStored {
  /** accounts */
  accounts: number;
  /** of these administrate, and are not disabled */
  administrators: number;
  /** of these are disabled */
  disabled: number;
  /** tokens that let in */
  tokens: number;
  /** projects */
  projects: number;
  /** documents */
  documents: number;
  /** sessions */
  sessions: number;
  /** annotations that are not deleted */
  annotations: number;
  /** ops of all streams, archived ones too */
  ops: number;
  /** bytes of all texts */
  text_bytes: number;
  /** work that is due */
  jobs_waiting: number;
  /** work of the last day that was given up */
  jobs_failed: number;
  /** size of the whole database */
  database_bytes: number;
}

/** a table of the database */
export interface AdminTable {
  /** its name */
  name: string;
  /** its size with its indexes */
  bytes: number;
}

/** what one process has to do */
export interface AdminLoad {
  /** how long it runs */
  seconds_up: number;
  /** connections to it */
  connections: number;
  /** of these have signed in */
  signed_in: number;
  /** sessions that it has in memory */
  sessions: number;
  /** ops that it accepted */
  ops: number;
  /** ops that it refused */
  ops_refused: number;
  /** ops that it sent to somebody */
  deliveries: number;
  /** of so many milliseconds, up to now, are the three that follow */
  rate_ms: number;
  /** ops accepted */
  rate_ops: number;
  /** ops sent to somebody */
  rate_deliveries: number;
  /** bytes sent */
  rate_bytes_out: number;
}

/** a process that serves people */
export interface AdminWorker {
  /** the machine that it runs on */
  node: string;
  /** which process there */
  pid: number;
  /** of the program */
  version: string;
  /** since when */
  started: Time;
  /** what it has to do; absent: it did not answer in time */
  load?: AdminLoad;
}

/** something that was administered */
export interface AdminEntry {
  /** its number; newer ones are larger */
  entry: number;
  /** when */
  at: Time;
  /** who; absent: the server's own program */
  account?: Uuid;
  /** the account's name */
  name?: string;
  /** what: user.add, token.revoke, connection.end; see the operator's handbook */
  action: string;
  /** the account, token, project, session or connection that it was done to */
  subject?: Uuid;
  /** its name, if it has one */
  subject_name?: string;
  /** what else is to be said */
  detail?: AdminDetail;
  /** from where */
  address?: string;
}

/** Signs in. It must be the first message of a connection, and arrive in time. */
export interface HelloParams {
  /** a token; or else account and password */
  token?: string;
  /** the account's name */
  account?: string;
  /** its password */
  password?: string;
  /** name and version of the program, for the operator's log */
  client?: string;
}

/** Signs in. It must be the first message of a connection, and arrive in time. */
export interface HelloResult {
  /** who you are */
  account: Account;
  /** name and version of the server */
  server: string;
  /** gloss.v1 */
  protocol: string;
  /** the server's clock */
  time: Time;
  /** what this server takes */
  limits: Limits;
}

/** Makes a token for one's own account. It is shown once. */
export interface TokenCreateParams {
  /** what it is for */
  label?: string;
  /** how long it lasts; without: until revoked */
  days?: number;
}

/** Makes a token for one's own account. It is shown once. */
export interface TokenCreateResult {
  /** its id */
  token: Uuid;
  /** the token */
  secret: string;
  /** when it ends */
  expires?: Time;
}

/** Lists one's own tokens, without their secrets. */
export interface TokenListParams {}

/** Lists one's own tokens, without their secrets. */
export interface TokenListResult {
  /** newest first */
  tokens: TokenInfo[];
}

/** Ends one of one's own tokens, and the connections that use it. */
export interface TokenRevokeParams {
  /** its id */
  token: Uuid;
}

/** Ends one of one's own tokens, and the connections that use it. */
export interface TokenRevokeResult {}

/** Lists the projects one belongs to, by name. */
export interface ProjectListParams {
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists the projects one belongs to, by name. */
export interface ProjectListResult {
  /** one page */
  projects: ProjectInfo[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Makes a project and its owner: oneself. */
export interface ProjectCreateParams {
  /** its name */
  name: string;
}

/** Makes a project and its owner: oneself. */
export interface ProjectCreateResult {
  /** the new project */
  project: ProjectInfo;
}

/** Tells what a project may use, and what it has. */
export interface ProjectQuotaParams {
  /** the project */
  project: Uuid;
}

/** Tells what a project may use, and what it has. */
export interface ProjectQuotaResult {
  /** each of them */
  quotas: Quota[];
}

/** Lists who belongs to a project, former members behind the others. */
export interface MemberListParams {
  /** the project */
  project: Uuid;
  /** from the page before */
  cursor?: string;
  /** at most so many; 500 without */
  limit?: number;
}

/** Lists who belongs to a project, former members behind the others. */
export interface MemberListResult {
  /** one page, by name */
  members: Member[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Gives an account a role in a project, or takes it away. A project keeps at least one owner. */
export interface MemberSetParams {
  /** the project */
  project: Uuid;
  /** the account's name */
  account: string;
  /** viewer, annotator, curator, owner; without: no longer a member */
  role?: string;
}

/** Gives an account a role in a project, or takes it away. A project keeps at least one owner. */
export interface MemberSetResult {}

/** Asks for changes of a project: codebook, documents, members, policy. They are judged in order; each is answered by itself, and some need a higher role. */
export interface ProjectSubmitParams {
  /** the project */
  project: Uuid;
  /** the changes; see Changes of a project */
  ops: OpRequest[];
}

/** Asks for changes of a project: codebook, documents, members, policy. They are judged in order; each is answered by itself, and some need a higher role. */
export interface ProjectSubmitResult {
  /** one for each op, in the same order */
  results: OpResult[];
}

/** Reads the codebook, in pages. */
export interface CodebookGetParams {
  /** the project */
  project: Uuid;
  /** from the page before */
  cursor?: string;
}

/** Reads the codebook, in pages. */
export interface CodebookGetResult {
  /** the project's seq that it is as of */
  version: number;
  /** whether an unknown label makes a new one */
  open: boolean;
  /** array of records, by kind and name; see The codebook */
  terms: Terms;
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Opens or closes the codebook. */
export interface CodebookPolicyParams {
  /** the project */
  project: Uuid;
  /** true: an unknown label makes a new one */
  open: boolean;
}

/** Opens or closes the codebook. */
export interface CodebookPolicyResult {}

/** Lists documents one may see. A cursor belongs to its order. */
export interface DocumentListParams {
  /** only of this project */
  project?: Uuid;
  /** only those whose title or file name begins so (ASCII case ignored) */
  prefix?: string;
  /** only those with this in the title (ASCII case ignored) */
  text?: string;
  /** only those in this folder, or below it */
  folder?: string;
  /** only those with this tag */
  tag?: string;
  /** only those in this language (en: en-GB as well) */
  language?: string;
  /** only those with this in the name of an author (ASCII case ignored) */
  author?: string;
  /** title (as without), date, or created: when it was imported */
  sort?: string;
  /** the last one first */
  descending?: boolean;
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists documents one may see. A cursor belongs to its order. */
export interface DocumentListResult {
  /** one page */
  documents: DocumentInfo[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Tells about one document. */
export interface DocumentGetParams {
  /** its id */
  document: Uuid;
}

/** Tells about one document. */
export interface DocumentGetResult {
  /** the document */
  document: DocumentInfo;
}

/** Announces an upload. When the project has the same bytes already nothing needs to be sent. */
export interface DocumentBeginParams {
  /** the project */
  project: Uuid;
  /** its title; without: the text's first line that has words in it */
  title?: string;
  /** the name of the file */
  filename?: string;
  /** length in bytes */
  bytes: number;
  /** SHA-256 of all the bytes */
  sha256: Sha256;
  /** what else is to be said of it; see Metadata */
  meta?: DocumentMeta;
}

/** Announces an upload. When the project has the same bytes already nothing needs to be sent. */
export interface DocumentBeginResult {
  /** what to name in document.chunk; absent when the document exists */
  upload?: Uuid;
  /** the document that has these bytes */
  existing?: DocumentInfo;
}

/** Sends the next piece of an upload. */
export interface DocumentChunkParams {
  /** from document.begin, on this connection */
  upload: Uuid;
  /** bytes sent so far */
  offset: number;
  /** the bytes in base64 */
  data: string;
}

/** Sends the next piece of an upload. */
export interface DocumentChunkResult {
  /** bytes there now */
  offset: number;
}

/** Ends an upload: checks the bytes and makes the document, its revision and its session in one transaction. */
export interface DocumentCommitParams {
  /** from document.begin, on this connection */
  upload: Uuid;
}

/** Ends an upload: checks the bytes and makes the document, its revision and its session in one transaction. */
export interface DocumentCommitResult {
  /** the document */
  document: DocumentInfo;
  /** somebody had imported the same bytes meanwhile */
  existing?: boolean;
}

/** Reads a part of the text. */
export interface DocumentTextParams {
  /** the document */
  document: Uuid;
  /** first code point */
  start: number;
  /** code point after the last; beyond the text's end means to the end; at most 32768 come at once */
  end: number;
}

/** Reads a part of the text. */
export interface DocumentTextResult {
  /** the text, exactly */
  text: string;
  /** code point after the last that is there */
  end: number;
  /** length of the whole text */
  codepoints: number;
}

/** Opens a session. With `since` the missing ops follow; without, the state is there to be read with session.page. Then live. */
export interface SessionJoinParams {
  /** the session */
  session: Uuid;
  /** the last seq that the client has; 0: the whole log */
  since?: number;
  /** the chain at `since`; required with `since` above 0 */
  chain?: Sha256;
  /** false: only to submit; no ops are sent */
  live?: boolean;
}

/** Opens a session. With `since` the missing ops follow; without, the state is there to be read with session.page. Then live. */
export interface SessionJoinResult {
  /** the newest seq */
  seq: number;
  /** the chain there */
  chain: Sha256;
  /** the state sum there */
  state: Sha256;
  /** shared or closed */
  mode: string;
  /** the op that set it; 0: as it was made */
  mode_seq: number;
  /** the first op that `since` can ask for; those below are archived. 1: none is */
  retained_from: number;
  /** your role */
  role: string;
  /** annotations that are not deleted */
  annotations: number;
  /** annotation records to page, tombstones included */
  records: number;
  /** the document and the revision that the session is about */
  document: DocumentInfo;
}

/** Asks for the next page of the state of a session joined on this connection. Several may be asked for at once; they come in order. */
export interface SessionPageParams {
  /** the session */
  session: Uuid;
  /** from the beginning */
  restart?: boolean;
  /** the sweep goes on behind so many records: `next` of the last page of an earlier connection */
  from?: number;
  /** beside the sweep, which goes on where it was: one page of what has a span between here */
  start?: number;
  /** and here, the code point behind the last; with start, and larger */
  end?: number;
}

/** Asks for the next page of the state of a session joined on this connection. Several may be asked for at once; they come in order. */
export interface SessionPageResult {
  /** the records are as of this seq: ops up to it are in them already */
  as_of: number;
  /** array of annotation records, tombstones included */
  records: Records;
  /** how many records the sweep has brought, this page included; absent with start and end */
  next?: number;
  /** this was the last page; with start and end: this is all that stands there */
  done?: boolean;
}

/** Reads the state where the log begins that is not archived, in pages: the newest snapshot below `retained_from`. With nothing archived it is that of seq 0, empty. */
export interface SessionSnapshotParams {
  /** the session */
  session: Uuid;
  /** from the page before */
  cursor?: string;
}

/** Reads the state where the log begins that is not archived, in pages: the newest snapshot below `retained_from`. With nothing archived it is that of seq 0, empty. */
export interface SessionSnapshotResult {
  /** the records are as of this seq; ops behind it follow with session.join */
  seq: number;
  /** the chain there */
  chain: Sha256;
  /** the state sum there: of the records of all pages, and of the mode */
  state: Sha256;
  /** shared or closed */
  mode: string;
  /** the op that set it; 0: as it was made */
  mode_seq: number;
  /** array of annotation records in the order they were made, tombstones included */
  records: Records;
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Reads a part of the log, archived or not. It need not be joined, and changes nothing for those who have. */
export interface SessionLogParams {
  /** the session */
  session: Uuid;
  /** the seq before the first op that is wanted */
  after: number;
  /** at most so many; 256 without. Fewer come when they would not fit into a message */
  limit?: number;
}

/** Reads a part of the log, archived or not. It need not be joined, and changes nothing for those who have. */
export interface SessionLogResult {
  /** seq of the first op here: after + 1 */
  first: number;
  /** the ops in order; none: the log ends at `after` */
  ops: LoggedOp[];
  /** the chain at `after` */
  chain_before: Sha256;
  /** the newest seq */
  head: number;
}

/** Asks for changes. They are judged in order; each is answered by itself. The answer comes when everything accepted is durable. */
export interface SessionSubmitParams {
  /** the session */
  session: Uuid;
  /** the changes */
  ops: OpRequest[];
  /** all or none; then they are one step */
  atomic?: boolean;
}

/** Asks for changes. They are judged in order; each is answered by itself. The answer comes when everything accepted is durable. */
export interface SessionSubmitResult {
  /** one for each op, in the same order */
  results: OpResult[];
}

/** Tells where an annotation is that is known by its id only, or by the id's beginning; only what one may see. */
export interface AnnotationLocateParams {
  /** the id, or its first characters: at least 4 of the canonical form */
  annotation: string;
}

/** Tells where an annotation is that is known by its id only, or by the id's beginning; only what one may see. */
export interface AnnotationLocateResult {
  /** those whose id begins so, by id, at most 20; none: an empty list */
  found: AnnotationPlace[];
}

/** Ends the subscription. */
export interface SessionLeaveParams {
  /** the session */
  session: Uuid;
}

/** Ends the subscription. */
export interface SessionLeaveResult {}

/** Tells the others in a joined session where one is. Nothing of it is kept. */
export interface SessionPresenceParams {
  /** the session */
  session: Uuid;
  /** first code point in view */
  start?: number;
  /** the code point behind the last in view; with start */
  end?: number;
  /** first code point selected */
  selection_start?: number;
  /** the code point behind the last selected; with selection_start */
  selection_end?: number;
  /** the annotation that is being edited */
  annotation?: Uuid;
  /** no longer there, though still connected */
  away?: boolean;
}

/** Tells the others in a joined session where one is. Nothing of it is kept. */
export interface SessionPresenceResult {
  /** how the others know this stay: one's own entry in what comes back */
  peer: Uuid;
}

/** Lists what one was told, newest first, of the projects one belongs to. */
export interface InboxListParams {
  /** from the page before */
  cursor?: string;
  /** at most so many; 50 without */
  limit?: number;
  /** only what was not marked as read */
  unread?: boolean;
}

/** Lists what one was told, newest first, of the projects one belongs to. */
export interface InboxListResult {
  /** one page */
  items: InboxItem[];
  /** how many are unread in all, counted up to 1000: 1000 says that there are at least so many */
  unread: number;
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Marks what one was told as read, at most 1000 in a call, the oldest first. */
export interface InboxReadParams {
  /** up to this item */
  through: number;
}

/** Marks what one was told as read, at most 1000 in a call, the oldest first. */
export interface InboxReadResult {
  /** how many were unread until now */
  marked: number;
  /** as many as one call marks: call again for the rest */
  more?: boolean;
}

/** Lists all accounts, by name. */
export interface AdminAccountListParams {
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists all accounts, by name. */
export interface AdminAccountListResult {
  /** one page */
  accounts: AdminAccount[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Makes an account. */
export interface AdminAccountCreateParams {
  /** its name: no control characters, no space at the ends */
  name: string;
  /** it administers the server */
  admin?: boolean;
  /** its password; without: it needs a token to sign in */
  password?: string;
}

/** Makes an account. */
export interface AdminAccountCreateResult {
  /** the new account */
  account: AdminAccount;
}

/** Changes an account: what is named, the rest stays. Whether one administrates, or is disabled, somebody else must change. */
export interface AdminAccountUpdateParams {
  /** its name */
  account: string;
  /** whether it administers the server */
  admin?: boolean;
  /** true: it may not sign in, and its connections end; false: it may again */
  disabled?: boolean;
  /** its new password; empty: none any more */
  password?: string;
}

/** Changes an account: what is named, the rest stays. Whether one administrates, or is disabled, somebody else must change. */
export interface AdminAccountUpdateResult {
  /** the account as it is now */
  account: AdminAccount;
}

/** Lists the tokens of an account, without their secrets. */
export interface AdminTokenListParams {
  /** its name */
  account: string;
}

/** Lists the tokens of an account, without their secrets. */
export interface AdminTokenListResult {
  /** newest first */
  tokens: TokenInfo[];
}

/** Makes a token for an account. It is shown once. */
export interface AdminTokenCreateParams {
  /** its name */
  account: string;
  /** what it is for */
  label?: string;
  /** how long it lasts; without: until revoked */
  days?: number;
}

/** Makes a token for an account. It is shown once. */
export interface AdminTokenCreateResult {
  /** its id */
  token: Uuid;
  /** the token */
  secret: string;
  /** when it ends */
  expires?: Time;
}

/** Ends anybody's token, and the connections that use it. */
export interface AdminTokenRevokeParams {
  /** its id */
  token: Uuid;
}

/** Ends anybody's token, and the connections that use it. */
export interface AdminTokenRevokeResult {}

/** Lists all projects, by name. */
export interface AdminProjectListParams {
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists all projects, by name. */
export interface AdminProjectListResult {
  /** one page */
  projects: AdminProject[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Makes a project for somebody. */
export interface AdminProjectCreateParams {
  /** its name */
  name: string;
  /** the name of the account that becomes its owner */
  owner: string;
}

/** Makes a project for somebody. */
export interface AdminProjectCreateResult {
  /** its id */
  project: Uuid;
}

/** Gives an account a role in any project, or takes it away. A project keeps at least one owner. */
export interface AdminMemberSetParams {
  /** the project */
  project: Uuid;
  /** the account's name */
  account: string;
  /** viewer, annotator, curator, owner; without: no longer a member */
  role?: string;
}

/** Gives an account a role in any project, or takes it away. A project keeps at least one owner. */
export interface AdminMemberSetResult {}

/** Lists all sessions, or those of a project. */
export interface AdminSessionListParams {
  /** only of this project */
  project?: Uuid;
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists all sessions, or those of a project. */
export interface AdminSessionListResult {
  /** one page */
  sessions: AdminSession[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Tells of any session how far it is, in which state and how large. May take some seconds for a large one. */
export interface AdminSessionShowParams {
  /** the session */
  session: Uuid;
}

/** Tells of any session how far it is, in which state and how large. May take some seconds for a large one. */
export interface AdminSessionShowResult {
  /** as admin.session.list tells it */
  session: AdminSession;
  /** number of the document's revision that it annotates */
  revision: number;
  /** SHA-256 of the revision's bytes */
  sha256: Sha256;
  /** its length in code points */
  codepoints: number;
  /** the op that set the mode last; 0: none did */
  mode_seq: number;
  /** the chain after the last op */
  chain: Sha256;
  /** the state's sum there */
  state: Sha256;
  /** how many annotations that are not deleted have each status; absent: there are none */
  status?: StatusCounts;
  /** annotations that are deleted */
  deleted: number;
  /** names of who made annotations, deleted ones too: the first 100; absent: nobody did */
  creators?: Texts;
  /** how many more made some */
  left_out: number;
  /** bytes of the ops that are not archived */
  log_bytes: number;
  /** snapshots that there are */
  snapshots: number;
  /** bytes of the archived ops, as they are stored */
  archive_bytes: number;
}

/** Closes any session, or opens it again. */
export interface AdminSessionModeParams {
  /** the session */
  session: Uuid;
  /** shared or closed */
  mode: string;
}

/** Closes any session, or opens it again. */
export interface AdminSessionModeResult {
  /** the op that did it; absent: it was so already */
  seq?: number;
}

/** Tells what an account or a project may use. */
export interface AdminQuotaListParams {
  /** an account, by its name; or else project */
  account?: string;
  /** any project */
  project?: Uuid;
}

/** Tells what an account or a project may use. */
export interface AdminQuotaListResult {
  /** each of them */
  quotas: Quota[];
}

/** Sets what an account or a project may use of something. It holds within a second, at every server. */
export interface AdminQuotaSetParams {
  /** an account, by its name; or else project */
  account?: string;
  /** any project */
  project?: Uuid;
  /** which quota */
  what: string;
  /** how much; 0: as much as there is; without: what holds for all holds again */
  limit?: number;
}

/** Sets what an account or a project may use of something. It holds within a second, at every server. */
export interface AdminQuotaSetResult {}

/** Tells the settings of the server that answers, and where each stands. */
export interface AdminSettingListParams {}

/** Tells the settings of the server that answers, and where each stands. */
export interface AdminSettingListResult {
  /** every one */
  settings: AdminSetting[];
}

/** Tells how much there is, and what every process of every node has to do. May take some seconds. */
export interface AdminStatsParams {}

/** Tells how much there is, and what every process of every node has to do. May take some seconds. */
export interface AdminStatsResult {
  /** how much there is */
  stored: AdminStored;
  /** how large each table is */
  tables: AdminTable[];
  /** every process */
  workers: AdminWorker[];
}

/** Lists who is connected, to any process of any node. May take some seconds. */
export interface AdminConnectionListParams {
  /** only this account, by its name */
  account?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Lists who is connected, to any process of any node. May take some seconds. */
export interface AdminConnectionListResult {
  /** so many, and as many as fit into an answer */
  connections: AdminConnection[];
  /** how many more there are */
  left_out: number;
  /** how many processes did not answer in time: theirs are missing */
  silent: number;
}

/** Ends one connection, or all of an account, with close code 4001. May take some seconds. */
export interface AdminConnectionEndParams {
  /** this one; or else account */
  connection?: Uuid;
  /** all of this account, by its name */
  account?: string;
  /** a sentence that those who are connected are told */
  reason?: string;
}

/** Ends one connection, or all of an account, with close code 4001. May take some seconds. */
export interface AdminConnectionEndResult {
  /** how many ended */
  ended: number;
  /** how many processes did not answer in time: theirs may have ended or not */
  silent: number;
}

/** Tells who administered what, newest first. */
export interface AdminAuditListParams {
  /** only what this account did, by its name */
  account?: string;
  /** only this action (user.add), or this kind (user) */
  action?: string;
  /** from the page before */
  cursor?: string;
  /** at most so many; 100 without */
  limit?: number;
}

/** Tells who administered what, newest first. */
export interface AdminAuditListResult {
  /** one page */
  entries: AdminEntry[];
  /** cursor of the next page; absent on the last */
  next?: string;
}

/** Ops of a joined session, in order, without a gap. */
export interface SessionOpsNotice {
  /** the session */
  session: Uuid;
  /** seq of the first op here */
  first: number;
  /** the chain after the last */
  chain: Sha256;
  /** the state sum after the last; absent while older ops are sent again */
  state?: Sha256;
  /** the ops */
  ops: LoggedOp[];
}

/** Something about a joined session that is not an op. */
export interface SessionNoticeNotice {
  /** the session */
  session: Uuid;
  /** resynchronise: older ops follow from `seq`, slower; rejoin: join it anew; rights: your role changed; closing: the connection will end, connect again; upgrade: a newer program is needed */
  what: string;
  /** resynchronise: the first seq that follows */
  seq?: number;
  /** rights: the role now; absent when it is none */
  role?: string;
}

/** Something about the connection as a whole; to those who have signed in. */
export interface ServerNoticeNotice {
  /** closing: the connection will end, with 1012, as soon as everything that was asked on it is answered. Ask nothing more on it; connect again */
  what: string;
  /** closing: connect again after so long, not earlier; absent: at once */
  retry_after_ms?: number;
}

/** Who is where in a joined session: only what changed, at most ten times a second. Notices may be left out, and never before ops. */
export interface SessionPeopleNotice {
  /** the session */
  session: Uuid;
  /** whose place changed, or who is gone */
  people: Presence[];
  /** whoever is not named, here or in the notices after this one, is gone */
  all?: boolean;
}

/** Ops of the project of a joined session: labels, documents, members. */
export interface ProjectOpsNotice {
  /** the project */
  project: Uuid;
  /** seq of the first op here */
  first: number;
  /** the chain after the last */
  chain: Sha256;
  /** the ops */
  ops: LoggedOp[];
}

/** client -> server */
export interface Methods {
  "hello": { params: HelloParams; result: HelloResult };
  "token.create": { params: TokenCreateParams; result: TokenCreateResult };
  "token.list": { params: TokenListParams; result: TokenListResult };
  "token.revoke": { params: TokenRevokeParams; result: TokenRevokeResult };
  "project.list": { params: ProjectListParams; result: ProjectListResult };
  "project.create": { params: ProjectCreateParams; result: ProjectCreateResult };
  "project.quota": { params: ProjectQuotaParams; result: ProjectQuotaResult };
  "member.list": { params: MemberListParams; result: MemberListResult };
  "member.set": { params: MemberSetParams; result: MemberSetResult };
  "project.submit": { params: ProjectSubmitParams; result: ProjectSubmitResult };
  "codebook.get": { params: CodebookGetParams; result: CodebookGetResult };
  "codebook.policy": { params: CodebookPolicyParams; result: CodebookPolicyResult };
  "document.list": { params: DocumentListParams; result: DocumentListResult };
  "document.get": { params: DocumentGetParams; result: DocumentGetResult };
  "document.begin": { params: DocumentBeginParams; result: DocumentBeginResult };
  "document.chunk": { params: DocumentChunkParams; result: DocumentChunkResult };
  "document.commit": { params: DocumentCommitParams; result: DocumentCommitResult };
  "document.text": { params: DocumentTextParams; result: DocumentTextResult };
  "session.join": { params: SessionJoinParams; result: SessionJoinResult };
  "session.page": { params: SessionPageParams; result: SessionPageResult };
  "session.snapshot": { params: SessionSnapshotParams; result: SessionSnapshotResult };
  "session.log": { params: SessionLogParams; result: SessionLogResult };
  "session.submit": { params: SessionSubmitParams; result: SessionSubmitResult };
  "annotation.locate": { params: AnnotationLocateParams; result: AnnotationLocateResult };
  "session.leave": { params: SessionLeaveParams; result: SessionLeaveResult };
  "session.presence": { params: SessionPresenceParams; result: SessionPresenceResult };
  "inbox.list": { params: InboxListParams; result: InboxListResult };
  "inbox.read": { params: InboxReadParams; result: InboxReadResult };
  "admin.account.list": { params: AdminAccountListParams; result: AdminAccountListResult };
  "admin.account.create": { params: AdminAccountCreateParams; result: AdminAccountCreateResult };
  "admin.account.update": { params: AdminAccountUpdateParams; result: AdminAccountUpdateResult };
  "admin.token.list": { params: AdminTokenListParams; result: AdminTokenListResult };
  "admin.token.create": { params: AdminTokenCreateParams; result: AdminTokenCreateResult };
  "admin.token.revoke": { params: AdminTokenRevokeParams; result: AdminTokenRevokeResult };
  "admin.project.list": { params: AdminProjectListParams; result: AdminProjectListResult };
  "admin.project.create": { params: AdminProjectCreateParams; result: AdminProjectCreateResult };
  "admin.member.set": { params: AdminMemberSetParams; result: AdminMemberSetResult };
  "admin.session.list": { params: AdminSessionListParams; result: AdminSessionListResult };
  "admin.session.show": { params: AdminSessionShowParams; result: AdminSessionShowResult };
  "admin.session.mode": { params: AdminSessionModeParams; result: AdminSessionModeResult };
  "admin.quota.list": { params: AdminQuotaListParams; result: AdminQuotaListResult };
  "admin.quota.set": { params: AdminQuotaSetParams; result: AdminQuotaSetResult };
  "admin.setting.list": { params: AdminSettingListParams; result: AdminSettingListResult };
  "admin.stats": { params: AdminStatsParams; result: AdminStatsResult };
  "admin.connection.list": { params: AdminConnectionListParams; result: AdminConnectionListResult };
  "admin.connection.end": { params: AdminConnectionEndParams; result: AdminConnectionEndResult };
  "admin.audit.list": { params: AdminAuditListParams; result: AdminAuditListResult };
}

/** server -> client */
export interface Notices {
  "session.ops": SessionOpsNotice;
  "session.notice": SessionNoticeNotice;
  "server.notice": ServerNoticeNotice;
  "session.presence": SessionPeopleNotice;
  "project.ops": ProjectOpsNotice;
}

/** the smallest role that may, and what it is looked up for */
export const RIGHTS = {
  "hello": { role: "nobody", scope: "none" },
  "token.create": { role: "signed_in", scope: "none" },
  "token.list": { role: "signed_in", scope: "none" },
  "token.revoke": { role: "signed_in", scope: "none" },
  "project.list": { role: "signed_in", scope: "none" },
  "project.create": { role: "signed_in", scope: "none" },
  "project.quota": { role: "viewer", scope: "project" },
  "member.list": { role: "viewer", scope: "project" },
  "member.set": { role: "owner", scope: "project" },
  "project.submit": { role: "annotator", scope: "project" },
  "codebook.get": { role: "viewer", scope: "project" },
  "codebook.policy": { role: "curator", scope: "project" },
  "document.list": { role: "signed_in", scope: "none" },
  "document.get": { role: "viewer", scope: "document" },
  "document.begin": { role: "annotator", scope: "project" },
  "document.chunk": { role: "signed_in", scope: "none" },
  "document.commit": { role: "signed_in", scope: "none" },
  "document.text": { role: "viewer", scope: "document" },
  "session.join": { role: "viewer", scope: "session" },
  "session.page": { role: "viewer", scope: "session" },
  "session.snapshot": { role: "viewer", scope: "session" },
  "session.log": { role: "viewer", scope: "session" },
  "session.submit": { role: "annotator", scope: "session" },
  "annotation.locate": { role: "signed_in", scope: "none" },
  "session.leave": { role: "signed_in", scope: "none" },
  "session.presence": { role: "viewer", scope: "session" },
  "inbox.list": { role: "signed_in", scope: "none" },
  "inbox.read": { role: "signed_in", scope: "none" },
  "admin.account.list": { role: "admin", scope: "none" },
  "admin.account.create": { role: "admin", scope: "none" },
  "admin.account.update": { role: "admin", scope: "none" },
  "admin.token.list": { role: "admin", scope: "none" },
  "admin.token.create": { role: "admin", scope: "none" },
  "admin.token.revoke": { role: "admin", scope: "none" },
  "admin.project.list": { role: "admin", scope: "none" },
  "admin.project.create": { role: "admin", scope: "none" },
  "admin.member.set": { role: "admin", scope: "none" },
  "admin.session.list": { role: "admin", scope: "none" },
  "admin.session.show": { role: "admin", scope: "none" },
  "admin.session.mode": { role: "admin", scope: "none" },
  "admin.quota.list": { role: "admin", scope: "none" },
  "admin.quota.set": { role: "admin", scope: "none" },
  "admin.setting.list": { role: "admin", scope: "none" },
  "admin.stats": { role: "admin", scope: "none" },
  "admin.connection.list": { role: "admin", scope: "none" },
  "admin.connection.end": { role: "admin", scope: "none" },
  "admin.audit.list": { role: "admin", scope: "none" },
} as const;

/** never: the same request will be refused again. refresh: look, decide, send anew under a new id. later: send the same again. */
export const ERRORS = {
  malformed: { code: -32700, retry: "never", keepsConnection: false, sentence: "the message is not JSON that can be read" },
  invalid_request: { code: -32600, retry: "never", keepsConnection: false, sentence: "the message is not a JSON-RPC 2.0 request" },
  unknown_method: { code: -32601, retry: "never", keepsConnection: true, sentence: "there is no such method" },
  invalid_params: { code: -32602, retry: "never", keepsConnection: true, sentence: "a parameter is missing or of the wrong kind" },
  internal: { code: -32603, retry: "later", keepsConnection: true, sentence: "the server failed; the operator's log says why" },
  too_large: { code: 1001, retry: "never", keepsConnection: true, sentence: "this is larger than the server takes" },
  frame_too_large: { code: 1002, retry: "never", keepsConnection: false, sentence: "the message is larger than the server takes" },
  sign_in_first: { code: 1100, retry: "never", keepsConnection: true, sentence: "say hello first" },
  bad_credentials: { code: 1101, retry: "never", keepsConnection: false, sentence: "the token or password is not right, has expired or was revoked" },
  sign_in_timeout: { code: 1102, retry: "later", keepsConnection: false, sentence: "nobody said hello in time" },
  forbidden: { code: 1110, retry: "never", keepsConnection: true, sentence: "your role does not allow this" },
  not_found: { code: 1111, retry: "never", keepsConnection: true, sentence: "there is no such thing, or it is not yours to see" },
  exists: { code: 1112, retry: "never", keepsConnection: true, sentence: "a thing of that name is there already" },
  busy: { code: 1120, retry: "later", keepsConnection: true, sentence: "too much is under way; nothing was lost, send it again" },
  rate_limited: { code: 1121, retry: "later", keepsConnection: true, sentence: "too many requests; wait and send it again" },
  limit: { code: 1122, retry: "refresh", keepsConnection: true, sentence: "you have as much of this as you may; give some of it up, or ask an administrator for more" },
  stale: { code: 1200, retry: "refresh", keepsConnection: true, sentence: "somebody else changed this since you looked" },
  conflict: { code: 1201, retry: "refresh", keepsConnection: true, sentence: "merged with what others changed, this would not be valid" },
  gone: { code: 1202, retry: "refresh", keepsConnection: true, sentence: "the annotation was deleted; restore it first" },
  id_reused: { code: 1203, retry: "never", keepsConnection: true, sentence: "this op id was used for another request" },
  depends_on_refused: { code: 1204, retry: "never", keepsConnection: true, sentence: "the op that this one builds on was refused" },
  atomic_refused: { code: 1205, retry: "never", keepsConnection: true, sentence: "another op of the same atomic step was refused, so none was applied" },
  unknown_label: { code: 1210, retry: "never", keepsConnection: true, sentence: "the codebook is closed and has no such label" },
  session_closed: { code: 1211, retry: "refresh", keepsConnection: true, sentence: "the session is closed" },
  unknown_attribute: { code: 1212, retry: "never", keepsConnection: true, sentence: "the codebook is closed and has no such attribute" },
  invalid_attribute: { code: 1213, retry: "never", keepsConnection: true, sentence: "the value is not one that the codebook allows for this attribute" },
  invalid_endpoint: { code: 1214, retry: "never", keepsConnection: true, sentence: "the codebook does not allow this relation between these labels" },
  quote_not_found: { code: 1220, retry: "never", keepsConnection: true, sentence: "the quoted words are not in the text" },
  quote_ambiguous: { code: 1221, retry: "never", keepsConnection: true, sentence: "the quoted words stand in several places; say which" },
  quote_mismatch: { code: 1222, retry: "never", keepsConnection: true, sentence: "position and quote disagree" },
  out_of_range: { code: 1223, retry: "never", keepsConnection: true, sentence: "the position is outside the text" },
  splits_grapheme: { code: 1224, retry: "never", keepsConnection: true, sentence: "the position cuts a character in two" },
  wrong_revision: { code: 1225, retry: "refresh", keepsConnection: true, sentence: "the position is on another revision of the text" },
  invalid_utf8: { code: 1230, retry: "never", keepsConnection: true, sentence: "this is not valid UTF-8" },
  contains_nul: { code: 1231, retry: "never", keepsConnection: true, sentence: "this contains a NUL byte, so it is not a text" },
  checksum: { code: 1232, retry: "never", keepsConnection: true, sentence: "the bytes do not have the SHA-256 that was announced" },
  resync: { code: 1300, retry: "refresh", keepsConnection: true, sentence: "the log that you have is not the one that is here; read the state anew" },
  upgrade: { code: 1301, retry: "never", keepsConnection: true, sentence: "this needs a newer version of the program" },
  chain_broken: { code: 1302, retry: "never", keepsConnection: true, sentence: "the hash chain or the state sum does not match what was received" },
  archived: { code: 1303, retry: "refresh", keepsConnection: true, sentence: "ops this old are archived; begin at the snapshot" },
  store_down: { code: 1500, retry: "later", keepsConnection: true, sentence: "storage is unavailable" },
  unknown_outcome: { code: 1501, retry: "later", keepsConnection: true, sentence: "it is not known whether this was stored; send it again with the same id" },
  shutting_down: { code: 1502, retry: "later", keepsConnection: false, sentence: "the server is going down for a moment; connect again" },
  schema_too_old: { code: 1503, retry: "never", keepsConnection: false, sentence: "the database needs `glossd migrate`" },
  schema_too_new: { code: 1504, retry: "never", keepsConnection: false, sentence: "the database belongs to a newer version of the program" },
} as const;
