"""The mathematics and the network of storybook. It needs torch and knows nothing of the service."""
