-- allow drop: made before anything was released; only builds that had just learnt to count exposures wrote to the old key
-- allow rename: the other half of giving a SQLite table another key, which is a new table under its name
-- allow index-unique: the key only gained a column, so whatever fitted the old one fits the new one
CREATE TABLE `__new_exposures` (
	`environment` integer NOT NULL,
	`flag` text NOT NULL,
	`minute` integer NOT NULL,
	`variation` text NOT NULL,
	`reason` text NOT NULL,
	`source` text DEFAULT 'server' NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`environment`, `flag`, `minute`, `variation`, `reason`, `source`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `__new_exposures`("environment", "flag", "minute", "variation", "reason", "source", "count") SELECT "environment", "flag", "minute", "variation", "reason", 'server', "count" FROM `exposures`;--> statement-breakpoint
DROP TABLE `exposures`;--> statement-breakpoint
ALTER TABLE `__new_exposures` RENAME TO `exposures`;--> statement-breakpoint
CREATE INDEX `exposures_by_minute` ON `exposures` (`minute`);--> statement-breakpoint
ALTER TABLE `environments` ADD `secure_mode` integer DEFAULT false NOT NULL;