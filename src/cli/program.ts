import { Command, CommanderError, Option } from 'commander';
import { Fault } from '../core/model/index.ts';
import { addApprove } from './promotion/approve.ts';
import { addCheck } from './check.ts';
import { addDoctor } from './doctor/doctor.ts';
import { BadInput, describeProblems, EXIT } from './exit.ts';
import type { Terminal, Tools } from './ports.ts';
import { addPlan, addPromote } from './promotion/commands.ts';
import { addReview } from './review.ts';
import { addRun } from './promotion/run.ts';
import { addServe } from './serve.ts';
import { addVerifyBundle } from './verify-bundle.ts';

/**
 * Runs one command line and answers its exit code: 0 success, 1 refused, 2 could not find out, 3 bad input (with every
 * problem on standard error). Rejects only for bugs.
 */
export async function runCommand(args: readonly string[], tools: Tools, terminal: Terminal): Promise<number> {
  let code: number = EXIT.ok;
  const exit = (wanted: number) => {
    code = wanted;
  };
  const program = build(tools, terminal, exit);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof BadInput) {
      terminal.err(describeProblems(error.problems));
      return EXIT.badInput;
    }
    if (error instanceof Fault) {
      terminal.err(`error: ${error.code}: ${error.message}\n`);
      return EXIT.unknown;
    }
    // Commander has written its message already; help that was asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    throw error;
  }
}

function build(tools: Tools, terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command('pratique')
    .description('decides which container images may run')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .showSuggestionAfterError();
  addCheck(program, tools, terminal, exit);
  addReview(program, tools, terminal, exit);
  addVerifyBundle(program, tools, terminal, exit);
  addServe(program, tools, terminal, exit);
  const { clock, doctor, openPromotions, openRun, openApproving } = tools;
  if (openPromotions) {
    addPlan(program, { ...tools, openPromotions }, terminal, exit);
    addPromote(program, { ...tools, openPromotions }, terminal, exit);
  }
  if (openRun) addRun(program, { ...tools, openRun }, terminal, exit);
  if (openApproving) addApprove(program, { openApproving }, terminal, exit);
  if (doctor) addDoctor(program, { clock, doctor }, terminal, exit);
  program
    .command('version')
    .description('print the version')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(({ output }: { output: string }) => {
      const { version } = tools;
      terminal.out(
        { text: `${version}\n`, yaml: `version: ${version}\n` }[output] ?? `${JSON.stringify({ version })}\n`,
      );
    });
  return program;
}
