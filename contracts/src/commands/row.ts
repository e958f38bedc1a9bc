/** A line of the command table as it is written down: by the generator, or by hand for our own. */

/** One line of the generated table; word lists are separated by blanks. */
export interface CommandRow {
  /** A subcommand is `parent|name` and stands behind its parent. */
  readonly name: string;
  readonly family: string;
  readonly arity: number;
  readonly flags: string;
  readonly categories: string;
  /** First key, last key, step. */
  readonly keys: readonly [number, number, number];
  readonly tips: string;
  /**
   * `flags / begin_search / find_keys`, where the second is `index <i>`, `keyword <KEYWORD> <from>`
   * or `unknown`, and the third `range <last> <step> <limit>`, `keynum <count> <first> <step>` or
   * `unknown`.
   */
  readonly specs: readonly string[];
}
