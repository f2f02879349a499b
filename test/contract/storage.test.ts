import { openMemorySubject, openSqliteSubject } from './storage-adapters.ts';
import { describeStorage } from './storage-contract.ts';

describeStorage('memory', openMemorySubject);
describeStorage('SQLite', openSqliteSubject);
