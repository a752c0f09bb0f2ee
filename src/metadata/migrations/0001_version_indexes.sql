CREATE INDEX `function_deployments_version` ON `function_deployments` (`version_id`);--> statement-breakpoint
CREATE INDEX `function_versions_newest` ON `function_versions` (`function_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `functions_active_version` ON `functions` (`active_version_id`);