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