// What any server on this file has to do at least: start Node, open the file, read every row.
import Database from 'better-sqlite3';

const database = new Database(process.argv[2], { readonly: true });
const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
let rows = 0;
for (const { name } of tables) rows += database.prepare(`SELECT * FROM "${name}"`).all().length;
database.close();
if (rows === 0) process.exitCode = 1;
