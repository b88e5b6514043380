import { Command, CommanderError } from 'commander';
import { Fault, oneLine } from '../core/model/index.ts';
import { addCheck } from './check.ts';
import { addDoctor } from './doctor/doctor.ts';
import { BadInput, EXIT, printProblems } from './exit.ts';
import type { OutputFormat } from './output.ts';
import { withOutput } from './options.ts';
import type { AddCommand, Terminal, Tools } from './ports.ts';
import { addApprove } from './promotion/approve.ts';
import { addPlan, addPromote } from './promotion/commands.ts';
import { addRun } from './promotion/run.ts';
import { addGate } from './gate.ts';
import { addReview } from './review.ts';
import { addServe } from './serve.ts';
import { addVerifyBundle } from './verify-bundle.ts';

/**
 * Runs one command line and answers its exit code: 0 success, 1 refused, 2 could not find out, 3 bad input (with every
 * problem on standard error). Rejects only for bugs.
 */
export async function runCommand(args: readonly string[], tools: Tools, terminal: Terminal): Promise<number> {
  let code: number = EXIT.ok;
  const program = build(tools, terminal, (wanted) => {
    code = wanted;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof BadInput) {
      terminal.err(printProblems(error.problems));
      return EXIT.badInput;
    }
    if (error instanceof Fault) {
      terminal.err(`error: ${error.code}: ${oneLine(error.message)}\n`);
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
  for (const add of [addCheck, addReview, addVerifyBundle, addServe]) add(program, tools, terminal, exit);
  const { doctor, gate, openPromotions, openRun, openApproving } = tools;
  if (gate) addGate(program, { ...tools, gate }, terminal, exit);
  if (openPromotions)
    for (const add of [addPlan, addPromote]) add(program, { ...tools, openPromotions }, terminal, exit);
  if (openRun) addRun(program, { ...tools, openRun }, terminal, exit);
  if (openApproving) addApprove(program, { openApproving }, terminal, exit);
  if (doctor) addDoctor(program, { ...tools, doctor }, terminal, exit);
  addVersion(program, tools, terminal, exit);
  return program;
}

const addVersion: AddCommand = (program, { version }, terminal) => {
  const command = program.command('version').description('print the version');
  withOutput(command).action(({ output }: { output: OutputFormat }) => {
    const json = `${JSON.stringify({ version })}\n`;
    terminal.out({ text: `${version}\n`, yaml: `version: ${version}\n`, json }[output]);
  });
};
