/** A thing that is kept, and who takes up the room for it. */
export interface Shared {
  /** The namespace for which it was learned. */
  readonly owner: string;
  /** The registry that it was learned from; `''` = none. */
  readonly registry: string;
  /** How much room it takes. */
  readonly size: number;
}

/**
 * Who takes up how much room. Where there is none left, the oldest thing goes of the registry with most within the owner with
 * most: a flood of one owner or registry displaces its own, and one who takes up less than the others loses nothing.
 */
export interface Shares {
  readonly add: (key: string, thing: Shared) => void;
  readonly remove: (key: string, thing: Shared) => void;
  /** What goes next; `undefined` when there is nothing. */
  readonly next: () => string | undefined;
}

interface Part {
  size: number;
}
interface OwnerPart extends Part {
  readonly registries: Map<string, RegistryPart>;
}
interface RegistryPart extends Part {
  /** In the order in which they were added. */
  readonly keys: Set<string>;
}

/** Makes an account of nothing. Owners without things take no memory. */
export function createShares(): Shares {
  const owners = new Map<string, OwnerPart>();
  return {
    add: (key, { owner, registry, size }) => {
      const part = owners.get(owner) ?? { size: 0, registries: new Map<string, RegistryPart>() };
      const ofRegistry = part.registries.get(registry) ?? { size: 0, keys: new Set() };
      owners.set(owner, part);
      part.registries.set(registry, ofRegistry);
      part.size += size;
      ofRegistry.size += size;
      ofRegistry.keys.add(key);
    },
    remove: (key, { owner, registry, size }) => {
      const part = owners.get(owner);
      const ofRegistry = part?.registries.get(registry);
      if (!part || !ofRegistry?.keys.delete(key)) return;
      part.size -= size;
      ofRegistry.size -= size;
      if (ofRegistry.keys.size === 0) part.registries.delete(registry);
      if (part.registries.size === 0) owners.delete(owner);
    },
    next: () => {
      const registries = largestOf(owners)?.registries;
      const [key] = (registries && largestOf(registries)?.keys) ?? [];
      return key;
    },
  };
}

function largestOf<P extends Part>(parts: ReadonlyMap<string, P>): P | undefined {
  let largest: P | undefined;
  for (const part of parts.values()) if (!largest || part.size > largest.size) largest = part;
  return largest;
}
