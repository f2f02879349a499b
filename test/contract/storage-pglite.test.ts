import { openPgliteSubject } from './postgres-adapters.ts';
import { describeStorage } from './storage-contract.ts';

describeStorage('PostgreSQL in the process (PGlite)', openPgliteSubject);
