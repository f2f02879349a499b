CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`hint` text NOT NULL,
	`hash` text NOT NULL,
	`role` text,
	`project` text,
	`environment` text,
	`created_at` text NOT NULL,
	`expires_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_by_hash` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
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
CREATE TABLE `changed_objects` (
	`environment` integer NOT NULL,
	`revision` integer NOT NULL,
	`position` integer NOT NULL,
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`before` text,
	`after` text,
	`definition` text,
	PRIMARY KEY(`environment`, `revision`, `position`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `changed_objects_by_key` ON `changed_objects` (`environment`,`kind`,`key`,`revision`);--> statement-breakpoint
CREATE TABLE `changes` (
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
);
--> statement-breakpoint
CREATE TABLE `configurations` (
	`environment` integer NOT NULL,
	`flag` text NOT NULL,
	`version` integer NOT NULL,
	`document` text NOT NULL,
	PRIMARY KEY(`environment`, `flag`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `definitions` (
	`environment` integer NOT NULL,
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`version` integer NOT NULL,
	`document` text,
	PRIMARY KEY(`environment`, `kind`, `key`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `environments` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`project` text NOT NULL,
	`key` text NOT NULL,
	`name` text NOT NULL,
	`epoch` text NOT NULL,
	`created_at` text NOT NULL,
	`revision` integer NOT NULL,
	`history_floor` integer NOT NULL,
	`floor_at` text NOT NULL,
	FOREIGN KEY (`project`) REFERENCES `projects`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `environments_by_key` ON `environments` (`project`,`key`);--> statement-breakpoint
CREATE TABLE `flags` (
	`project` text NOT NULL,
	`key` text NOT NULL,
	`document` text NOT NULL,
	PRIMARY KEY(`project`, `key`),
	FOREIGN KEY (`project`) REFERENCES `projects`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `holder` (
	`id` integer PRIMARY KEY NOT NULL,
	`pid` integer NOT NULL,
	`host` text NOT NULL,
	`started_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `projects` (
	`key` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`created_at` text NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `replies` (
	`actor` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`reply` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`actor`, `key`)
);
--> statement-breakpoint
CREATE INDEX `replies_by_time` ON `replies` (`at`);--> statement-breakpoint
CREATE TABLE `segments` (
	`environment` integer NOT NULL,
	`key` text NOT NULL,
	`version` integer NOT NULL,
	`document` text NOT NULL,
	PRIMARY KEY(`environment`, `key`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
