import { expect, test } from 'vitest';
import { withVariableFiles } from './variable-files.ts';

const FILES: Readonly<Record<string, string>> = {
  '/run/secrets/url': 'postgres://dimmer:hunter2@db/dimmer\n',
  '/run/secrets/key': 'dim_adm_of-windows\r\n',
  '/run/secrets/empty': '\n',
};

function readText(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
  return text;
}

test('[A83] a variable may be given as a file, without the newlines at its end', () => {
  const environment = {
    PATH: '/bin',
    KEY_FILE: '/run/secrets/key',
    DIMMER_PORT: '8080',
    DIMMER_DATABASE_URL_FILE: '/run/secrets/url',
    DIMMER_ADMIN_KEY_FILE: '/run/secrets/key',
    DIMMER_BOOTSTRAP_ADMIN_KEY_FILE: '',
  };
  expect(withVariableFiles(environment, readText)).toEqual({
    variables: {
      PATH: '/bin',
      KEY_FILE: '/run/secrets/key',
      DIMMER_PORT: '8080',
      DIMMER_DATABASE_URL: 'postgres://dimmer:hunter2@db/dimmer',
      DIMMER_ADMIN_KEY: 'dim_adm_of-windows',
    },
    faults: [],
  });
});

test.each([
  ['/none', {}, "names a file that cannot be read: ENOENT: no such file or directory, open '/none'. Correct"],
  ['/run/secrets/empty', {}, 'names /run/secrets/empty, which is empty. Write the value into it.'],
  [
    '/run/secrets/url',
    { DIMMER_DATABASE_URL: 'file:./a.db' },
    'is set beside DIMMER_DATABASE_URL. Leave one of the two out.',
  ],
])('[A83] %s beside %o is refused, and nothing else takes its place', (path, beside, fault) => {
  const { faults } = withVariableFiles({ ...beside, DIMMER_DATABASE_URL_FILE: path }, readText);
  expect(faults).toEqual([expect.stringContaining(`DIMMER_DATABASE_URL_FILE ${fault}`)]);
  expect(faults.join()).not.toContain('hunter2');
});

test('[A83] an empty variable is no second one', () => {
  const { variables, faults } = withVariableFiles(
    { DIMMER_DATABASE_URL: '', DIMMER_DATABASE_URL_FILE: '/run/secrets/url' },
    readText,
  );
  expect([variables['DIMMER_DATABASE_URL'], faults]).toEqual(['postgres://dimmer:hunter2@db/dimmer', []]);
});
