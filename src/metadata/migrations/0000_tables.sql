CREATE TABLE `env` (
	`function_id` text NOT NULL,
	`name` text NOT NULL,
	`value` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`function_id`, `name`),
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `function_deployments` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`function_id` text NOT NULL,
	`version_id` text NOT NULL,
	`status` text NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`version_id`) REFERENCES `function_versions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `function_deployments_function` ON `function_deployments` (`function_id`,`status`);--> statement-breakpoint
CREATE TABLE `function_versions` (
	`id` text PRIMARY KEY NOT NULL,
	`function_id` text NOT NULL,
	`version` text NOT NULL,
	`runtime` text NOT NULL,
	`handler` text NOT NULL,
	`capabilities_json` text NOT NULL,
	`config_json` text NOT NULL,
	`engine` text NOT NULL,
	`bundle_path` text NOT NULL,
	`bundle_sha256` text NOT NULL,
	`size` integer NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `function_versions_version` ON `function_versions` (`function_id`,`version`);--> statement-breakpoint
CREATE TABLE `functions` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text NOT NULL,
	`runtime` text NOT NULL,
	`handler` text NOT NULL,
	`status` text NOT NULL,
	`active_version_id` text,
	`capabilities_json` text NOT NULL,
	`config_json` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`active_version_id`) REFERENCES `function_versions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `functions_project_name` ON `functions` (`project`,`name`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`sha256` text NOT NULL,
	`created_at` text NOT NULL,
	`expires_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_name_unique` ON `tokens` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_sha256_unique` ON `tokens` (`sha256`);