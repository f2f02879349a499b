import { afterAll, describe } from 'vitest';
import { PostgresSubjects } from './postgres-adapters.ts';
import { postgresMissing } from './postgres-database.ts';
import { describeStorage } from './storage-contract.ts';

describe.skipIf(postgresMissing !== undefined)(`a real server${postgresMissing ?? ''}`, () => {
  const subjects = new PostgresSubjects();
  afterAll(() => subjects.drop());

  describeStorage('PostgreSQL', subjects.open);
});
