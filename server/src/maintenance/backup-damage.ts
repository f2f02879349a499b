/** A backup that cannot be relied on; the message goes on after "the backup is damaged: ". */
export class BackupDamage extends Error {
  override readonly name = 'BackupDamage';
}

/** A backup that another version made, or so it says; the message goes on after "the backup ". */
export class OtherVersion extends BackupDamage {
  /** The version that made it. */
  readonly dimmer: string;

  constructor(message: string, dimmer: string) {
    super(message);
    this.dimmer = dimmer;
  }
}
