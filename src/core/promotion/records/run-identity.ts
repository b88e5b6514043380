/** Which run left a record. */
export interface RunIdentity {
  /** The promotion, e.g. `platform/node-to-golden`. */
  readonly name: string;
  /** The run of it. */
  readonly id: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** On whose behalf. */
  readonly actor: string;
  /** Where to read more. */
  readonly url?: string;
  /** Carried out from a terminal: no object of it exists. */
  readonly local?: true;
}
