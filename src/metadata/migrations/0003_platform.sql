CREATE TABLE `audit` (
	`id` text PRIMARY KEY NOT NULL,
	`time` text NOT NULL,
	`project` text,
	`actor` text NOT NULL,
	`address` text,
	`action` text NOT NULL,
	`object` text,
	`outcome` text NOT NULL,
	`details_json` text DEFAULT '{}' NOT NULL,
	`count` integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_project` ON `audit` (`project`,`id`);--> statement-breakpoint
CREATE INDEX `audit_time` ON `audit` (`time`);--> statement-breakpoint
CREATE TABLE `deployment_weights` (
	`deployment_id` integer NOT NULL,
	`version_id` text NOT NULL,
	`weight` integer NOT NULL,
	PRIMARY KEY(`deployment_id`, `version_id`),
	FOREIGN KEY (`deployment_id`) REFERENCES `function_deployments`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`version_id`) REFERENCES `function_versions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `deployment_weights_version` ON `deployment_weights` (`version_id`);--> statement-breakpoint
CREATE TABLE `env_revisions` (
	`function_id` text NOT NULL,
	`revision` integer NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`function_id`, `revision`),
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `env_variables` (
	`function_id` text NOT NULL,
	`revision` integer NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`key_id` text,
	`hosts_json` text,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`function_id`, `revision`, `name`),
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `env_variables_key` ON `env_variables` (`key_id`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`actor` text NOT NULL,
	`key` text NOT NULL,
	`request_sha256` text NOT NULL,
	`status` integer NOT NULL,
	`body` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`actor`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_time` ON `idempotency` (`created_at`);--> statement-breakpoint
CREATE TABLE `projects` (
	`name` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`profile` text,
	`profile_json` text,
	`limits_json` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `routes` (
	`id` text PRIMARY KEY NOT NULL,
	`function_id` text NOT NULL,
	`host` text NOT NULL,
	`path` text NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`function_id`) REFERENCES `functions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `routes_function` ON `routes` (`function_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `routes_host_path` ON `routes` (`host`,`path`);--> statement-breakpoint
CREATE TABLE `secret_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `function_deployments` ADD `env_revision` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `function_deployments` ADD `sticky_header` text;--> statement-breakpoint
ALTER TABLE `functions` ADD `access` text DEFAULT 'public' NOT NULL;--> statement-breakpoint
ALTER TABLE `functions` ADD `previews` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `functions` ADD `limits_json` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `functions` ADD `env_revision` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `tokens` ADD `role` text DEFAULT 'viewer' NOT NULL;--> statement-breakpoint
ALTER TABLE `tokens` ADD `project` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `last_used_at` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `limits_json` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
INSERT OR IGNORE INTO `projects` (`name`, `state`, `created_at`, `updated_at`) VALUES ('default', 'active', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));--> statement-breakpoint
INSERT OR IGNORE INTO `projects` (`name`, `state`, `created_at`, `updated_at`) SELECT `project`, 'active', min(`created_at`), min(`created_at`) FROM `functions` GROUP BY `project`;--> statement-breakpoint
INSERT INTO `env_revisions` (`function_id`, `revision`, `created_at`) SELECT `function_id`, 1, max(`updated_at`) FROM `env` GROUP BY `function_id`;--> statement-breakpoint
INSERT INTO `env_variables` (`function_id`, `revision`, `name`, `kind`, `value`, `updated_at`) SELECT `function_id`, 1, `name`, 'plain', `value`, `updated_at` FROM `env`;--> statement-breakpoint
UPDATE `functions` SET `env_revision` = 1 WHERE `id` IN (SELECT `function_id` FROM `env`);--> statement-breakpoint
UPDATE `function_deployments` SET `env_revision` = 1 WHERE `function_id` IN (SELECT `function_id` FROM `env`);
