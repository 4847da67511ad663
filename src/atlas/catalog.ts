/** One version of an operation: its date, or `preview`, and the day after which Atlas answers 410. */
export interface OperationVersion {
  readonly name: string;
  readonly sunset?: string;
}

/** What the catalog knows of a query or path parameter. */
export interface Parameter {
  readonly name: string;
  readonly type: 'boolean' | 'integer' | 'string' | 'array';
  readonly required?: boolean;
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

/** One paginated GET operation of the Atlas Administration API v2. */
export interface Operation {
  /** Operation id as in Atlas's OpenAPI description, such as `listGroupStreamPrivateLinkConnections`. */
  readonly id: string;
  /** The older name the Atlas CLI and older SDKs use. */
  readonly alias?: string;
  /** Path template with `{groupId}` and the like. */
  readonly path: string;
  readonly tag: string;
  /** Oldest first; `preview` last. */
  readonly versions: readonly OperationVersion[];
  readonly pathParameters: readonly Parameter[];
  readonly queryParameters: readonly Parameter[];
  /** The rate-limit bucket Atlas counts it in. */
  readonly endpointSet: string;
  /** Lists that hold secrets or personal data are open only to callers who are given them by name. */
  readonly sensitivity: 'open' | 'secret' | 'personal';
  /** `whole`: held as one listing. `page`: unbounded or too long, held a page at a time. */
  readonly hold: 'whole' | 'page';
}

/** A path that belongs to an operation, with its decoded path parameters. */
export interface Match {
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
}

/** The list operations the gateway knows, and the way from a path to one of them. */
export interface Catalog {
  readonly operations: readonly Operation[];
  /** The operation with this id or older name. */
  find(name: string): Operation | undefined;
  /** The operation a decoded-free, normalised path belongs to; literal segments win over parameters. Costs the same for every operation. */
  match(path: string): Match | undefined;
}
