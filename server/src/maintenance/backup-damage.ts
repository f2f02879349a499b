/** A backup that cannot be relied on; the message goes on after "the backup is damaged: ". */
export class BackupDamage extends Error {
  override readonly name = 'BackupDamage';
}
