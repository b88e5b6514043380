import type { Judgement } from './judge-group.ts';
import type { AuditEvent } from './ports.ts';
import { tellable, tellPods, type Told } from './pod-events.ts';
import type { Unit } from './image-groups.ts';

/** A unit's last judgement, since when it is what it is, and what was said about it. */
export interface Held {
  readonly judgement: Judgement;
  readonly since: Date;
  readonly told: Told | undefined;
}

/** The last judgement of every unit. */
export interface FindingsHeld {
  /** Takes a judgement in; the answer is what its pods are told. */
  readonly put: (unit: Unit, judgement: Judgement) => readonly AuditEvent[];
  readonly get: (key: string) => Held | undefined;
  readonly forget: (key: string) => void;
  readonly judgements: () => readonly Judgement[];
  readonly size: () => number;
}

/** Starts knowing nothing. */
export function holdFindings(): FindingsHeld {
  const held = new Map<string, Held>();
  return {
    put: (unit, judgement) => {
      const before = held.get(unit.key);
      const last = before && tellable(before.judgement);
      const { told, events } = tellPods(unit, judgement, { told: before?.told, last });
      const same = JSON.stringify(last) === JSON.stringify(tellable(judgement));
      held.set(unit.key, { judgement, since: before && same ? before.since : judgement.judgedAt, told });
      return events;
    },
    get: (key) => held.get(key),
    forget: (key) => void held.delete(key),
    judgements: () => [...held.values()].map(({ judgement }) => judgement),
    size: () => held.size,
  };
}
