import { posix } from 'node:path';
import { isBuiltin } from 'node:module';
import {
  COMPUTING,
  HASHING_ROOMS,
  LIBRARIES,
  NODE_IO,
  PURE_NODE_IMPORTS,
  roomOf,
  SMALL_LIBRARIES,
} from './rooms.ts';
import type { Room } from './rooms.ts';
import type { Import } from './source-file.ts';

/** The file a relative specifier names, as a path below the repository; `undefined` for a library. */
export function targetOf(path: string, specifier: string): string | undefined {
  return /^\.{0,2}\//.test(specifier) ? posix.join(posix.dirname(path), specifier) : undefined;
}

/** Why a file below `src/` may not have this import, or `undefined` when it may. */
export function forbiddenImport(path: string, line: Import): string | undefined {
  const room = roomOf(path);
  if (room === undefined) return 'the file belongs to no room of src/';
  const target = targetOf(path, line.specifier);
  if (target !== undefined) return forbiddenRoom(room, target, line.typesOnly);
  return isBuiltin(line.specifier) ? forbiddenBuiltin(room, line) : forbiddenLibrary(room, line.specifier);
}

function forbiddenRoom(from: Room, target: string, typesOnly: boolean): string | undefined {
  const to = roomOf(target);
  if (to === undefined) return `${from.path} must not import ${target}, which is in no room of src/`;
  if (to === from) return undefined;
  const ofTypes = from.mayImportTypes?.includes(to.path) === true;
  if (!from.mayImport.includes(to.path) && !(ofTypes && typesOnly)) {
    return `${from.path} must not import ${ofTypes ? 'more than types of ' : ''}${to.path}`;
  }
  const index = to.path.endsWith('.ts') ? `src/${to.path}` : `src/${to.path}/index.ts`;
  return target === index ? undefined : `${to.path} is entered through its index.ts only, not ${target}`;
}

function forbiddenBuiltin(room: Room, { specifier, names }: Import): string | undefined {
  if (!specifier.startsWith('node:')) return `write node:${specifier}`;
  if (/^(?:cli|webhook|controllers\/.*)$/.test(room.path) && talks(specifier, names)) {
    return `${room.path} must not import ${specifier}: what talks is a client`;
  }
  if (room.pure !== true) return undefined;
  const allowed = HASHING_ROOMS.includes(room.path) ? (PURE_NODE_IMPORTS[specifier] ?? []) : [];
  const taken = names ?? ['everything'];
  const wrong = taken.filter((name) => !allowed.includes(name));
  return wrong.length === 0
    ? undefined
    : `${room.path} is pure and must not import ${wrong.join(', ')} from ${specifier}`;
}

function talks(specifier: string, names: Import['names']): boolean {
  return NODE_IO.has(specifier) && names?.every((name) => COMPUTING.has(name)) !== true;
}

function forbiddenLibrary(room: Room, specifier: string): string | undefined {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (SMALL_LIBRARIES.includes(name)) return undefined;
  const owners = LIBRARIES[name] ?? LIBRARIES[`${name.split('/', 1).join('')}/`];
  if (owners === undefined) return `${specifier} is in no row of the table of libraries`;
  return owners.includes(room.path) ? undefined : `${name} belongs to ${owners.join(', ')}, not ${room.path}`;
}
