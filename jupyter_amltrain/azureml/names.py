"""Which name of the SDK is where in this package, and from which modules of the SDK it can be imported.

The places are those of azureml-core 1.16 and 1.61, of azureml-widgets and azureml-telemetry, all public ones, also
where a module has a name only because it uses it. ``tests/azureml_alias/public_paths.json`` was read off the real
packages.
"""

from __future__ import annotations


def _targets(module: str, names: str) -> dict[str, str]:
    return {name: f"jupyter_amltrain.{module}:{name}" for name in names.split()}


TARGETS: dict[str, str] = {
    **_targets("workspace", "Workspace"),
    **_targets("runs.experiment", "Experiment"),
    **_targets("runs.run", "Run ScriptRun"),
    **_targets("runs.details", "RunDetails"),
    **_targets("submission.config", "RunConfiguration ScriptRunConfig"),
    **_targets(
        "submission.sections",
        "DockerConfiguration HistoryConfiguration MpiConfiguration PyTorchConfiguration TensorflowConfiguration",
    ),
    **_targets(
        "environment.spec",
        "DatabricksSection DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE DockerImagePlatform DockerSection Environment"
        " PythonSection SparkSection",
    ),
    **_targets("environment.conda.dependencies", "CondaDependencies"),
    **_targets("environment.registry.container_registry", "ContainerRegistry"),
    **_targets("environment.docker_build_context", "DockerBuildContext"),
    **_targets("compute.target", "ComputeTarget"),
    **_targets("compute.amlcompute", "AmlCompute"),
    **_targets("compute.configuration", "AmlComputeProvisioningConfiguration ComputeTargetProvisioningConfiguration"),
    **_targets("compute.status", "AmlComputeNodeStateCounts AmlComputeStatus ScaleSettings"),
    **_targets(
        "azureml.authentication",
        "AbstractAuthentication ArmTokenAuthentication AzureCliAuthentication AzureMLTokenAuthentication"
        " InteractiveLoginAuthentication MsiAuthentication ServicePrincipalAuthentication TokenAuthentication",
    ),
    **_targets("data.datastore", "Datastore"),
    **_targets("data.factory", "DataType Dataset FileDatasetFactory TabularDatasetFactory"),
    **_targets("data.dataset", "AbstractDataset FileDataset TabularDataset"),
    **_targets("data.consumption", "DatasetConsumptionConfig OutputFileDatasetConfig"),
    **_targets("data.reference", "DataPath DataPathComputeBinding DataReference DataReferenceConfiguration"),
    **_targets("models.model", "Model"),
    **_targets("azureml.core", "VERSION get_run"),
    **_targets("azureml.telemetry", "set_diagnostics_collection"),
    **_targets(
        "errors",
        "ActivityFailedException AuthenticationException AzureMLAggregatedException AzureMLException"
        " ComputeTargetException DatasetTimestampMissingError DiscoveryUrlNotFoundException"
        " ExperimentExecutionException ExperimentNotFoundException ModelNotFoundException"
        " ModelPathNotFoundException ParallelRunException ProjectSystemException RunConfigurationException"
        " RunEnvironmentException ServiceException SnapshotException TrainingException UserErrorException"
        " WebserviceException WorkspaceException WorkspacePrivateEndpointException",
    ),
}
"""Public name → ``module:attribute`` of this package."""

PLACES: dict[str, str] = {
    "azureml": "",
    "azureml._common": "",
    "azureml._common.exceptions": "AzureMLAggregatedException AzureMLException",
    "azureml.core": (
        "ComputeTarget ContainerRegistry Dataset Datastore Environment Experiment Model Run RunConfiguration "
        "ScriptRun ScriptRunConfig VERSION Workspace get_run"
    ),
    "azureml.core.authentication": (
        "AbstractAuthentication ArmTokenAuthentication AuthenticationException AzureCliAuthentication "
        "AzureMLException AzureMLTokenAuthentication InteractiveLoginAuthentication MsiAuthentication "
        "RunEnvironmentException ServicePrincipalAuthentication TokenAuthentication UserErrorException"
    ),
    "azureml.core.compute": "AmlCompute ComputeTarget",
    "azureml.core.compute.adla": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.aks": "ComputeTarget ComputeTargetException ComputeTargetProvisioningConfiguration",
    "azureml.core.compute.amlcompute": (
        "AmlCompute AmlComputeNodeStateCounts AmlComputeProvisioningConfiguration AmlComputeStatus ComputeTarget "
        "ComputeTargetException ComputeTargetProvisioningConfiguration ScaleSettings"
    ),
    "azureml.core.compute.batch": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.compute": (
        "ComputeTarget ComputeTargetException ComputeTargetProvisioningConfiguration UserErrorException"
    ),
    "azureml.core.compute.computeinstance": (
        "AuthenticationException ComputeTarget ComputeTargetException ComputeTargetProvisioningConfiguration"
    ),
    "azureml.core.compute.databricks": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.datafactory": "ComputeTarget ComputeTargetException ComputeTargetProvisioningConfiguration",
    "azureml.core.compute.dsvm": "ComputeTarget ComputeTargetException ComputeTargetProvisioningConfiguration",
    "azureml.core.compute.hdinsight": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.kubernetescompute": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.kusto": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.remote": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.synapse": "ComputeTarget ComputeTargetException",
    "azureml.core.compute_target": "ComputeTargetException UserErrorException",
    "azureml.core.conda_dependencies": "CondaDependencies UserErrorException",
    "azureml.core.container_registry": "ContainerRegistry",
    "azureml.core.databricks": "DatabricksSection UserErrorException",
    "azureml.core.dataset": "Dataset",
    "azureml.core.datastore": "Datastore UserErrorException",
    "azureml.core.environment": (
        "AzureMLException CondaDependencies ContainerRegistry DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE DatabricksSection "
        "DockerBuildContext DockerImagePlatform DockerSection Environment PythonSection SparkSection "
        "UserErrorException"
    ),
    "azureml.core.experiment": "Experiment UserErrorException",
    "azureml.core.image": "",
    "azureml.core.image.container": "ContainerRegistry WebserviceException",
    "azureml.core.image.image": "Model WebserviceException",
    "azureml.core.linked_service": "UserErrorException",
    "azureml.core.model": (
        "ContainerRegistry Dataset Environment Experiment FileDataset Model ModelNotFoundException "
        "RunEnvironmentException TabularDataset UserErrorException WebserviceException"
    ),
    "azureml.core.private_endpoint": "InteractiveLoginAuthentication",
    "azureml.core.profile": "UserErrorException WebserviceException",
    "azureml.core.resource_configuration": "WebserviceException",
    "azureml.core.run": (
        "AbstractDataset ActivityFailedException DataPath Datastore Environment ExperimentExecutionException Run "
        "RunEnvironmentException SnapshotException UserErrorException get_run"
    ),
    "azureml.core.runconfig": (
        "ComputeTarget CondaDependencies ContainerRegistry DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE DataPath "
        "DataReferenceConfiguration DatabricksSection DatasetConsumptionConfig DockerConfiguration DockerSection "
        "Environment HistoryConfiguration MpiConfiguration PyTorchConfiguration PythonSection Run RunConfiguration "
        "RunConfigurationException SparkSection TensorflowConfiguration UserErrorException"
    ),
    "azureml.core.script_run": "AzureMLException Run RunConfiguration ScriptRun UserErrorException",
    "azureml.core.script_run_config": (
        "DataPath DataPathComputeBinding DockerConfiguration MpiConfiguration PyTorchConfiguration "
        "RunConfiguration RunConfigurationException ScriptRunConfig TensorflowConfiguration UserErrorException"
    ),
    "azureml.core.webservice": "",
    "azureml.core.webservice.aci": "Environment Model WebserviceException",
    "azureml.core.webservice.aks": "ComputeTarget Environment Model WebserviceException",
    "azureml.core.webservice.container_resource_requirements": "WebserviceException",
    "azureml.core.webservice.local": "Model WebserviceException",
    "azureml.core.webservice.webservice": "Model WebserviceException",
    "azureml.core.workspace": (
        "AmlCompute ComputeTarget Dataset InteractiveLoginAuthentication Model ProjectSystemException "
        "UserErrorException Workspace WorkspaceException"
    ),
    "azureml.data": "DataType FileDataset OutputFileDatasetConfig TabularDataset",
    "azureml.data.abstract_dataset": (
        "AbstractDataset DatasetConsumptionConfig FileDatasetFactory RunEnvironmentException TabularDatasetFactory "
        "UserErrorException"
    ),
    "azureml.data.azure_storage_datastore": "DataReference UserErrorException",
    "azureml.data.context_managers": "AzureMLException UserErrorException",
    "azureml.data.data_reference": "DataReference",
    "azureml.data.datacache": "AzureMLException Datastore Run UserErrorException",
    "azureml.data.datacache_client": "ComputeTarget FileDataset ServicePrincipalAuthentication UserErrorException",
    "azureml.data.datacache_consumption_config": "UserErrorException",
    "azureml.data.datapath": "DataPath DataPathComputeBinding DataReference",
    "azureml.data.dataset_consumption_config": "DatasetConsumptionConfig",
    "azureml.data.dataset_error_handling": "AzureMLException UserErrorException",
    "azureml.data.dataset_factory": (
        "DataPath DataReference DataType FileDatasetFactory TabularDatasetFactory UserErrorException"
    ),
    "azureml.data.dataset_profile": "AzureMLException",
    "azureml.data.dataset_profile_run": "Run",
    "azureml.data.dataset_profile_run_config": (
        "ComputeTarget Experiment RunConfiguration ScriptRunConfig TabularDataset UserErrorException"
    ),
    "azureml.data.datastore_client": "UserErrorException",
    "azureml.data.file_dataset": "AbstractDataset AzureMLException FileDataset UserErrorException",
    "azureml.data.output_dataset_config": "AbstractDataset OutputFileDatasetConfig",
    "azureml.data.sql_data_reference": "DataReference",
    "azureml.data.tabular_dataset": (
        "AbstractDataset AzureMLException DatasetTimestampMissingError FileDataset TabularDataset UserErrorException"
    ),
    "azureml.exceptions": (
        "ActivityFailedException AuthenticationException AzureMLAggregatedException AzureMLException "
        "ComputeTargetException DatasetTimestampMissingError DiscoveryUrlNotFoundException "
        "ExperimentExecutionException ExperimentNotFoundException ModelNotFoundException ModelPathNotFoundException "
        "ParallelRunException ProjectSystemException RunConfigurationException RunEnvironmentException "
        "ServiceException SnapshotException TrainingException UserErrorException VERSION WebserviceException "
        "WorkspaceException WorkspacePrivateEndpointException"
    ),
    "azureml.telemetry": "set_diagnostics_collection",
    "azureml.widgets": "RunDetails",
    "azureml.widgets.run_details": "RunDetails",
}
"""Module of the SDK → the names it has, of those in :data:`TARGETS`."""
