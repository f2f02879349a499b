CREATE TABLE `exposures` (
	`environment` integer NOT NULL,
	`flag` text NOT NULL,
	`minute` integer NOT NULL,
	`variation` text NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`environment`, `flag`, `minute`, `variation`, `reason`),
	FOREIGN KEY (`environment`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `exposures_by_minute` ON `exposures` (`minute`);