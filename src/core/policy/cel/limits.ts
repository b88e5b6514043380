/** Longest condition, in UTF-16 units: a condition is one sentence; an author who needs more writes two. */
export const MAX_CONDITION_LENGTH = 2_048;
/** Most syntax nodes of a condition: also keeps recursion over the tree far from the end of the stack. */
export const MAX_CONDITION_NODES = 256;
/** Deepest nesting of parentheses, calls, indexes and fields. */
export const MAX_CONDITION_DEPTH = 24;
/** Most elements of a list that a condition spells out, e.g. of accepted builders. */
export const MAX_LITERAL_ELEMENTS = 64;
/** Deepest nesting of `all`, `exists`, `filter` and the like: every level multiplies the work. */
export const MAX_MACRO_DEPTH = 2;
/** Longest regular expression, in UTF-16 units. */
export const MAX_PATTERN_LENGTH = 512;
/** Most instructions of a compiled regular expression; a match takes at most this many steps for every character. */
export const MAX_PATTERN_INSTRUCTIONS = 2_000;
/** Most values (objects, lists, fields, elements) of a predicate; larger documents exist, to be judged by other rules. */
export const MAX_PREDICATE_VALUES = 100_000;
/** Most text in a predicate, keys included, in UTF-16 units. */
export const MAX_PREDICATE_TEXT = 4_194_304;
/** Deepest nesting of a predicate: the conversion and the evaluator recurse. */
export const MAX_PREDICATE_DEPTH = 64;
/**
 * Most work of one evaluation. A unit is about the work of one syntax node; a round of a macro costs {@link ROUND_WORK}
 * and the nodes of its body. All of it takes less than a second on slow hardware, far below a webhook's deadline; one macro
 * gets through about 20,000 elements, two nested ones through about 200 by 200.
 */
export const MAX_WORK = 1_000_000;
/** Work of one evaluation on the main thread, where others wait: about five milliseconds. What needs more is done beside it. */
export const MAX_WORK_HERE = 10_000;
/** Work of a round besides its body: at worst the round fails, and making an error costs as much as many nodes. */
export const ROUND_WORK = 16;
/** So much text is compared, searched or copied for one unit of work, in UTF-16 units. */
export const TEXT_PER_UNIT = 16;
/** So many steps of a regular expression go into one unit of work. */
export const STEPS_PER_UNIT = 32;
/** Longest text taken for a duration: the evaluator reads it with a pattern whose time grows with the cube of the length. */
export const MAX_DURATION_LENGTH = 64;
/** Longest explanation, in UTF-16 units: it may quote a predicate, and ends up in a message of one line. */
export const MAX_WHY_LENGTH = 200;
