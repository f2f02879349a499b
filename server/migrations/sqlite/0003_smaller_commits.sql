-- allow rowid: no version asks for the rowid of a change; they read changes by environment and revision
-- allow autoincrement: no version deletes from audit, so the largest id and one more was never given before
CREATE TABLE `__new_changes` (
	`environment` integer NOT NULL,
	`revision` integer NOT NULL,
	`at` integer NOT NULL,
	`actor_id` text NOT NULL,
	`actor_name` text NOT NULL,
	`action` text NOT NULL,
	`reason` text,
	`kill` integer NOT NULL,
	PRIMARY KEY(`environment`, `revision`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `__new_changes`("environment", "revision", "at", "actor_id", "actor_name", "action", "reason", "kill") SELECT "environment", "revision", "at", "actor_id", "actor_name", "action", "reason", "kill" FROM `changes`;--> statement-breakpoint
DROP TABLE `changes`;--> statement-breakpoint
ALTER TABLE `__new_changes` RENAME TO `changes`;--> statement-breakpoint
CREATE TABLE `__new_audit` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`actor_id` text NOT NULL,
	`actor_name` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`project` text,
	`reason` text,
	`details` text NOT NULL,
	`revisions` text NOT NULL
);
--> statement-breakpoint
INSERT INTO `__new_audit`("id", "at", "actor_id", "actor_name", "action", "subject", "project", "reason", "details", "revisions") SELECT "id", "at", "actor_id", "actor_name", "action", "subject", "project", "reason", "details", "revisions" FROM `audit`;--> statement-breakpoint
DROP TABLE `audit`;--> statement-breakpoint
ALTER TABLE `__new_audit` RENAME TO `audit`;
